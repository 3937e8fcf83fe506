"""What is hidden from actions is hidden from the states that they leave: a stream calls a class as an action would."""

from __future__ import annotations

import json
import subprocess
import sys

# Hidden for other reasons than what calling them does.
HARMLESS = {
    "types.DynamicClassAttribute",  # a property; enumerations have it in their classes
    "typing.ForwardRef",  # compiles a text and runs nothing; what would evaluate it is replaced
    "weakref.finalize",  # calls what the state gives it, later
    "matplotlib.ExecutableNotFoundError",
    "matplotlib.pyplot.MouseButton",
}
# In a process of its own: making the stand-ins changes libraries.
_ASK = """
import contextlib, importlib, json, sys, warnings
warnings.simplefilter("ignore")
from safe_codeact.guest.knowledge import Knowledge
from safe_codeact.guest.modules import Modules
from safe_codeact.guest.namespace import known
from safe_codeact.policy.effective import Policy
from safe_codeact.policy.knowledge import DENIED
policy = Policy.from_plain(json.load(sys.stdin))
for rule in policy.language.imports:
    with contextlib.suppress(ImportError):
        importlib.import_module(rule.module)
knowledge = Knowledge(policy, {}, {}, Modules(policy))
asked, named = 0, []
for rule in policy.language.imports:
    for name in DENIED.get(rule.module, ()):
        hidden = getattr(sys.modules.get(rule.module), name, None)
        if isinstance(hidden, type):
            asked += 1
            homes = {(rule.module, name), (hidden.__module__, hidden.__qualname__)}
            named += [f"{rule.module}.{name}" for home in homes if known.granted(*home, hidden, knowledge)]
print(json.dumps([asked, named]))
"""


def test_no_state_names_a_class_that_is_hidden_from_actions_for_what_it_does() -> None:
    from safe_codeact import Policy

    plain = json.dumps(Policy.load("analysis").to_plain())
    done = subprocess.run([sys.executable, "-c", _ASK], input=plain, capture_output=True, text=True, check=True)
    asked, named = json.loads(done.stdout)
    assert asked >= 15
    assert set(named) <= HARMLESS
