"""What an action is told when a guard says no, and what guards do not change."""

from __future__ import annotations

import pytest
from gated_runs import run_all

TOLD = {
    "getattr(print, '__self__')": (
        "ActionRefused",
        "G302 dynamic-attribute: `.__self__` may not be read (G201). Keep a reference to the object.",
    ),
    "input('n? ')": (
        "EOFError",
        "input() has nobody to ask here: assign the value in the code, e.g. `n = 5` instead of `n = int(input())`",
    ),
    "open('x')": (
        "ActionRefused",
        "G301 unavailable-builtin: open() is not available. This policy gives no workspace; keep data in variables.",
    ),
    "globals()['x'] = 1": (
        "TypeError",
        "globals() and locals() are read-only here: assign the name itself, or keep your own dict.",
    ),
    "eval('import os')": ("SyntaxError", "invalid syntax (<string>, line 1)"),
    "eval('().__class__.__mro__')": (
        "ActionRefused",
        "G303 dynamic-code: the text given to eval() was refused: line 1:1: G201 dunder-attribute: `.__mro__` may not be "
        "read: it hands over what the object is made of. Use isinstance(x, C) or issubclass(C, D).",
    ),
    "from vault import Box\nclass Mine(Box):\n    def _name(self): return 'x'": (
        "TypeError",
        "Mine defines `_name`, which is private to the library class Box: it would not be called. Use another name, or the "
        "public methods of Box.",
    ),
    "import socket": ("Refused", None),
}


def test_what_an_action_is_told() -> None:
    """The whole message: what was given, and the way out."""
    results = run_all(list(TOLD), "gated")
    for (source, (kind, message)), result in zip(TOLD.items(), results, strict=True):
        assert result["error"][0] == kind, source
        assert message is None or result["error"][1] == message


@pytest.mark.parametrize("name", ["abs", "print", "sorted", "isinstance", "super", "property", "format"])
def test_a_harmless_builtin_is_cpythons_own(name: str) -> None:
    """No wrapper where none is needed."""
    import builtins

    from safe_codeact.guest.guards import guarded_builtins
    from safe_codeact.policy.effective import Policy

    made = guarded_builtins(Policy(), lambda *args: None, namespace={})
    assert made[name] is getattr(builtins, name)


def test_every_builtin_of_cpython_is_open_guarded_or_left_out_on_purpose() -> None:
    """A new builtin is not there until somebody decided."""
    import builtins

    from safe_codeact.guest.guards import guarded_builtins
    from safe_codeact.policy.effective import Policy

    made = guarded_builtins(Policy(), lambda *args: None, namespace={})
    missing = {name for name in dir(builtins) if not name.startswith("_")} - set(made)
    assert missing <= {"_"}


def test_a_tool_wins_over_a_builtin_of_its_name() -> None:
    """`sum` the tool, not `sum` the builtin."""
    from safe_codeact.guest.guards import guarded_builtins
    from safe_codeact.policy.effective import Policy

    made = guarded_builtins(Policy(), lambda *args: None, namespace={}, tools={"sum": len})
    assert made["sum"] is len
