"""The wire stands on the standard library, without the modules that reach the machine."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
for name in ("ctypes", "resource", "fcntl", "signal", "socket", "msgpack", "pickle", "pydantic"):
    sys.modules[name] = None
from safe_codeact.wire import control, conversation, encode, intake, messages
data = encode.frame(messages.Output("stdout", "x"))
conversation.Conversation(output_limit=1)
print(sorted(name for name in sys.modules if name.startswith("safe_codeact.") and ".wire" not in name))
"""


def test_wire_imports_nothing_of_the_package_but_errors_and_none_of_the_blocked_modules() -> None:
    run = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert run.stderr == ""
    assert run.stdout == "['safe_codeact.errors', 'safe_codeact.frozen']\n"
