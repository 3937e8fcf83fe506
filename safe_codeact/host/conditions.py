"""A tool line's `when`: held against the tool's signature once, and against the validated arguments of each call."""

from __future__ import annotations

import functools
import inspect

from safe_codeact.errors import InvalidPolicy
from safe_codeact.host.budget import Refusal
from safe_codeact.host.tool import Tool
from safe_codeact.policy import conditions
from safe_codeact.policy.effective import Policy, ToolRule

_condition = functools.lru_cache(maxsize=256)(conditions.parse)


def check_condition(policy: Policy, made: Tool, rule: ToolRule) -> None:
    """A condition about a parameter that the tool does not have would refuse every call: say it before the first."""
    unknown = sorted(_condition(rule.when).names - made.signature.parameters.keys()) if rule.when else []
    if unknown:
        raise InvalidPolicy(
            f"policy {policy.name!r}: tools.{rule.name}.when={rule.when!r} asks about {', '.join(map(repr, unknown))}, which "
            f"{made.name}{made.signature} does not take"
        )


def require_condition(made: Tool, rule: ToolRule, bound: inspect.BoundArguments) -> None:
    """Raises `Refusal` for a call that does not meet its line's `when`. Defaults count as given."""
    if rule.when is None:
        return
    given = inspect.BoundArguments(bound.signature, bound.arguments.copy())
    given.apply_defaults()
    try:
        if _condition(rule.when).holds(given.arguments):
            return
        problem = ""
    except conditions.Unmet as unmet:
        problem = f" ({unmet})"
    raise Refusal(f"{made.name} may only be called when {rule.when}{problem}")
