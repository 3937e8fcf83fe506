"""`safe-codeact agent` with a person at a real terminal: the call is shown, and what is typed decides about it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from endpoints import serving

_TOOLS = '''
from pathlib import Path
from safe_codeact import tool

@tool
def pay(amount: int) -> str:
    """Pays."""
    Path(__file__).with_name("paid").write_text(str(amount))
    return f"paid {amount}"
'''
_POLICY = "version: 1\nextends: strict\ntools: {pay: {why: a test, approval: ask}}\n"
_QUESTION = "Allow this call? [y/N, or why not] "


def _read_until(terminal: int, wanted: str | None) -> str:
    """What the terminal shows until `wanted`, or until nobody holds its other end."""
    text, deadline = b"", time.monotonic() + 120
    while wanted is None or wanted.encode() not in text:
        assert select.select([terminal], [], [], max(deadline - time.monotonic(), 0))[0], text.decode()
        try:
            part = os.read(terminal, 65536)
        except OSError:  # EIO: the command has ended
            part = b""
        if not part:
            assert wanted is None, text.decode()
            break
        text += part
    return text.decode()


@pytest.mark.parametrize(
    ("typed", "paid", "told"),
    [("y", True, "'paid 5'"), ("", False, "pay was rejected"), ("too much", False, "too much")],
)
def test_what_a_person_types_decides_about_the_call(tmp_path: Path, typed: str, paid: bool, told: str) -> None:
    """The question comes while the action waits; the tool runs only after a yes; the model reads what came of it."""
    (tmp_path / "tools.py").write_text(_TOOLS, "utf-8")
    (tmp_path / "asking.yaml").write_text(_POLICY, "utf-8")
    ours, theirs = pty.openpty()
    with serving(replies=["```python\npay(5)\n```", "Done."]) as server:
        environment = {
            **os.environ,
            "OPENAI_API_KEY": server.api_key,
            "NO_COLOR": "1",
            "COLUMNS": "120",
            "TERM": "xterm",
        }
        command = [
            sys.executable,
            "-m",
            "safe_codeact",
            "agent",
            "Pay 5.",
            "--tools",
            "tools.py",
            "--policy",
            "asking.yaml",
        ]
        with subprocess.Popen(
            [*command, "--base-url", server.base_url, "--model", "m"],
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=environment, start_new_session=True,
        ) as running:  # fmt: skip
            os.close(theirs)
            try:
                shown = _read_until(ours, _QUESTION)
                assert not (tmp_path / "paid").exists()
                os.write(ours, f"{typed}\n".encode())
                rest = _read_until(ours, None)
            finally:
                os.close(ours)  # whoever still reads there is told that the terminal is gone
                running.wait(60)
        heard = str(server.requests[-1])
    assert running.returncode == 0, rest
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"The action asks to call pay:\s+amount = 5", plain), plain
    assert (tmp_path / "paid").exists() is paid
    assert told in heard
    assert "Done." in rest
