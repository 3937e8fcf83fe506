"""What an action is told when a guard says no while it runs: an exception of its own, worded like a finding."""

from __future__ import annotations

from safe_codeact.gate.names import plain_text
from safe_codeact.gate.rule import Rule


class ActionRefused(RuntimeError):
    """The gate's rules, applied to something that was only known at run time."""


def refusal(rule: Rule, message: str, hint: str = "") -> ActionRefused:
    """The exception to raise; `message` says what was asked for, `hint` what to write instead."""
    return ActionRefused(plain_text(f"{rule.code} {rule.name}: {message}" + (f" {hint}" if hint else "")))
