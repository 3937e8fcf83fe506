"""Programs and calls that come to a bound which one policy has and the other has further out.

What the gate cannot tell apart, the plan does (`confine.protections`: memory, files, paths), or the figure that the host holds
calls and output to. So a witness is verified where the gate allows it under the wider policy, and plan or figure of the narrower
one are below what it asks for, and those of the wider are not. It is not run: what it asks for may not exist on this machine.
What has none: time, which a program cannot ask for without a clock; what a model or a person takes; and isolation, which is
narrower only on machines that lack it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from safe_codeact.confine.protections import Plan, plan_for
from safe_codeact.errors import ConfinementUnavailable
from safe_codeact.policy.effective import Policy
from safe_codeact.policy.rehearsal import Judge

_KIB, _MIB = 1 << 10, 1 << 20
Witness = tuple[str | None, bool]
NONE: Final[Witness] = (None, False)


def _files(plan: Plan) -> int:
    return next(soft for name, soft, _hard in plan.limits if name == "fsize")


# By limit: its unit, a program that asks for so much of it, and, where the plan holds it, how much that gives.
_LIMITS: Final[dict[str, tuple[int, str, Callable[[Plan], int] | None]]] = {
    "memory_mb": (_MIB, "len(bytes({}))", lambda plan: plan.memory),
    "output_kb": (_KIB, "print('x' * {})", None),
    "state_mb": (_MIB, "kept = bytes({})", None),
    "workspace_mb": (_MIB, "open('a', 'wb').write(bytes({}))", None),
    "workspace_files": (1, "for n in range({}):\n    open(str(n), 'w').close()", None),
}


def of_limit(field: str, narrow: Policy, wide: Policy, judge: Judge) -> Witness:
    """A program that asks for more than the narrower limit, and not for more than the wider one."""
    if field == "tool_calls":
        return of_calls(_some_tool(wide), wide.limits.tool_calls, wide, judge)
    if field not in _LIMITS or (field.startswith("workspace") and wide.filesystem.workspace != "rw"):
        return NONE
    unit, program, given = _LIMITS[field]
    below, above = getattr(narrow.limits, field) * unit, getattr(wide.limits, field) * unit
    asked = above if unit == 1 else (below + above) // 2
    if given is not None and (plans := _plans(narrow, wide)) is not None:
        below, above = (given(plan) for plan in plans)
    has_room = unit == 1 or field == "memory_mb" or asked < wide.limits.memory_mb * _MIB
    return _judged(program.format(f"{asked:_}"), wide, judge, below < asked <= above and has_room)


def of_calls(name: str, calls: int, wide: Policy, judge: Judge) -> Witness:
    """As many calls as only the wider budget has."""
    budgets = {rule.name: rule.max_calls for rule in wide.tools if not rule.deny}
    own = budgets.get(name, budgets.get("*", 0))
    return _judged(
        f"[{name}() for _ in range({calls})]", wide, judge, calls <= min(own, wide.limits.tool_calls), (name,)
    )


def of_workspace(narrow: Policy, wide: Policy, judge: Judge) -> Witness:
    """A file that is read where nothing was, or written where it was read."""
    plans = _plans(narrow, wide)
    writes = wide.filesystem.workspace == "rw"
    differ = plans is not None and (
        (plans[0].writable_slot, plans[1].writable_slot) == (False, True)
        if writes
        else (plans[0].profile, plans[1].profile) == ("computation", "workspace")
    )
    return _judged("open('a.txt', 'w')" if writes else "open('a.txt')", wide, judge, differ)


def of_path(path: str, narrow: Policy, wide: Policy, judge: Judge) -> Witness:
    """A file that only the wider plan opens."""
    plans = _plans(narrow, wide)
    return _judged(
        f"open({path!r})", wide, judge, plans is not None and path not in plans[0].read and path in plans[1].read
    )


def _plans(narrow: Policy, wide: Policy) -> tuple[Plan, Plan] | None:
    """None where this machine has none."""
    try:
        return plan_for(narrow), plan_for(wide)
    except ConfinementUnavailable:
        return None


def _judged(program: str, wide: Policy, judge: Judge, differ: bool, tools: tuple[str, ...] = ()) -> Witness:
    """Where the wider gate refuses it, or both would do the same, it shows nothing: then there is no witness."""
    return (program, True) if differ and judge(program, wide, tools).allowed else NONE


def _some_tool(policy: Policy) -> str:
    """The one with the largest budget."""
    rules = sorted((rule for rule in policy.tools if not rule.deny), key=lambda rule: rule.max_calls)
    return "" if not rules else "any_tool" if rules[-1].name == "*" else rules[-1].name
