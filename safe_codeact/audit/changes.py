"""What a change of a policy means: per section widened, narrowed or neither, with a witness for each widening.

Threat: a change of two lines in a file that others extend, which a reviewer reads as tidying. What doesn't work: comparing
text (a reordered list is no change; a changed parent is one without any). So the effective policies are compared, and where
the language layer became wider, a program is found that the old policy refuses and the new one allows, and the gate is asked
about both: a claim that no gate confirms is marked as unverified. For a tool's condition the witness is a call that the
evaluator refuses under the old and lets through under the new; for figures and files, a program that comes to the bound (`witnesses`).
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safe_codeact.audit import witnesses
from safe_codeact.audit.places import is_below
from safe_codeact.policy.effective import ImportRule, Policy, ToolRule
from safe_codeact.policy.knowledge import DENIED
from safe_codeact.policy.parts import importable
from safe_codeact.policy.rates import may_let_more_through
from safe_codeact.policy.rehearsal import Judge
from safe_codeact.policy.samples import gained


class Direction(enum.Enum):
    WIDENED = "widened"
    NARROWED = "narrowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference in meaning. `witness` is a program or a call that only the wider of the two allows."""

    section: str
    direction: Direction
    message: str
    witness: str | None = None
    is_verified: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for `--json`."""
        return {**dataclasses.asdict(self), "direction": self.direction.value}


SECTIONS = ("language", "imports", "tools", "limits", "files", "isolation", "output", "agent")
_UP, _DOWN = Direction.WIDENED, Direction.NARROWED


def compare(old: Policy, new: Policy, judge: Judge) -> list[Change]:
    """All differences in what is granted, by section. Reasons, names and examples grant nothing."""
    return [
        *_language(old, new, judge),
        *_imports(old, new, judge),
        *_tools(old, new, judge),
        *_limits(old, new, judge),
        *_files(old, new, judge),
        *_isolation(old, new),
        *_output(old, new),
        *_figures("agent", old.agent, new.agent),
    ]


def is_wider(changes: Sequence[Change]) -> bool:
    return any(change.direction is Direction.WIDENED for change in changes)


# ---- the language layer

# Programs of which each tells two settings of the language apart; the gate says which.
_PROBES = (
    "len.__globals__",
    "import ctypes\nctypes.string_at(0)",
    "[each for each in range(3)]",
    "class Thing:\n    size = 1\nThing().size",
    "(lambda: 1)()",
    "def twice(x):\n    return 2 * x\ntwice(2)",
)


def _witness(narrow: Policy, wide: Policy, judge: Judge, programs: Sequence[str]) -> tuple[str | None, bool]:
    for program in programs:
        if judge(program, wide, ()).allowed and not judge(program, narrow, ()).allowed:
            return program, True
    return None, False


def _between(
    section: str, old: Policy, new: Policy, judge: Judge, widened: bool, message: str, programs: Sequence[str]
) -> Change:
    narrow, wide = (old, new) if widened else (new, old)
    witness, verified = _witness(narrow, wide, judge, programs)
    direction = _UP if widened else _DOWN
    return Change(section=section, direction=direction, message=message, witness=witness, is_verified=verified)


def _language(old: Policy, new: Policy, judge: Judge) -> Iterator[Change]:
    before, now = old.language, new.language
    if before.restricted != now.restricted:
        said = "the gate is on" if now.restricted else "the gate is off: any Python runs"
        yield _between("language", old, new, judge, before.restricted, said, _PROBES)
    if before.interpreter != now.interpreter:
        said = (
            "actions are Python instead of formulas" if now.interpreter == "compiled" else "actions are formulas only"
        )
        yield _between("language", old, new, judge, now.interpreter == "compiled", said, _PROBES[2:])
    elif before.functions != now.functions:
        said = "formulas may define functions" if now.functions else "formulas define no functions"
        yield _between("language", old, new, judge, now.functions, said, _PROBES[::-1])


def _imports(old: Policy, new: Policy, judge: Judge) -> Iterator[Change]:
    if not (old.language.restricted and new.language.restricted):
        return  # where the gate is off, the list binds nobody
    before = {rule.module: rule for rule in old.language.imports}
    now = {rule.module: rule for rule in new.language.imports}
    reachable_before, reachable_now = importable(before), importable(now)
    for module in sorted(reachable_now - reachable_before):
        said = _came_with(module, now, "can be imported")
        yield _between("imports", old, new, judge, True, said, (f"import {module}",))
    for module in sorted(reachable_before - reachable_now):
        said = _came_with(module, before, "cannot be imported any more")
        yield _between("imports", old, new, judge, False, said, (f"import {module}",))
    for module in sorted(before.keys() & now.keys()):
        yield from _line(old, new, judge, before[module], now[module])


def _came_with(module: str, lines: Mapping[str, ImportRule], said: str) -> str:
    return f"{module} {said}" if module in lines else f"{module} {said}: it comes with its package"


def _line(old: Policy, new: Policy, judge: Judge, before: ImportRule, now: ImportRule) -> Iterator[Change]:
    module, hidden = now.module, set(DENIED.get(now.module, ()))
    for name in sorted(set(before.deny) - set(now.deny) - hidden):
        said = f"{module}.{name} is no longer denied"
        yield _between("imports", old, new, judge, True, said, (f"import {module}\n{module}.{name}",))
    for name in sorted(set(now.deny) - set(before.deny) - hidden):
        said = f"{module}.{name} is denied"
        yield _between("imports", old, new, judge, False, said, (f"import {module}\n{module}.{name}",))
    if before.facade != now.facade:
        said = f"{module} is {'the stand-in' if now.facade else 'the module itself, no longer the stand-in'}"
        yield Change(section="imports", direction=_DOWN if now.facade else _UP, message=said)


# ---- tools

_BUDGETS = {
    "timeout_seconds": "s per call",
    "max_result_kb": "KiB per result",
    "max_argument_kb": "KiB per call's arguments",
}


def _tools(old: Policy, new: Policy, judge: Judge) -> Iterator[Change]:
    names = dict.fromkeys(rule.name for policy in (old, new) for rule in policy.tools)
    for name in names:
        before, now = _rule(old, name), _rule(new, name)
        label = "every tool without a line" if name == "*" else name
        if before is None and now is not None:
            yield Change(section="tools", direction=_UP, message=f"{label} exists inside", witness=f"{_called(name)}()",
                         is_verified=True)  # fmt: skip
        elif now is None and before is not None:
            yield Change(section="tools", direction=_DOWN, message=f"{label} does not exist inside any more")
        elif before is not None and now is not None:
            yield from _calls(name, label, (old, before), (new, now), judge)
            yield from _budget(label, before, now)
            yield from _condition(name, label, before, now)
            yield from _redactions(label, before, now)


def _rule(policy: Policy, name: str) -> ToolRule | None:
    """The line that decides about a tool: its own, or `"*"`; None where it does not exist inside."""
    own = next((rule for rule in policy.tools if rule.name == name), None)
    decides = own if own is not None else next((rule for rule in policy.tools if rule.name == "*"), None)
    return None if decides is None or decides.deny else decides


def _called(name: str) -> str:
    return "any_tool" if name == "*" else name


def _calls(
    name: str, label: str, before: tuple[Policy, ToolRule], now: tuple[Policy, ToolRule], judge: Judge
) -> Iterator[Change]:
    was, most = before[1].max_calls, now[1].max_calls
    if was != most:
        wide = now if most > was else before
        witness, verified = witnesses.of_calls(_called(name), max(was, most), wide[0], judge)
        yield Change(section="tools", direction=_UP if most > was else _DOWN, witness=witness, is_verified=verified,
                     message=f"{label}: {most:g} calls per action instead of {was:g}")  # fmt: skip


def _budget(label: str, before: ToolRule, now: ToolRule) -> Iterator[Change]:
    for field, unit in _BUDGETS.items():
        was, is_now = getattr(before, field), getattr(now, field)
        if was != is_now:
            direction = _UP if is_now > was else _DOWN
            yield Change(section="tools", direction=direction, message=f"{label}: {is_now:g} {unit} instead of {was:g}")
    yield from _over_time(label, before, now)
    if before.approval_seconds != now.approval_seconds:
        direction = _UP if now.approval_seconds > before.approval_seconds else _DOWN
        said = f"{label}: {now.approval_seconds:g} s for an approval instead of {before.approval_seconds:g}"
        yield Change(section="tools", direction=direction, message=said)
    if before.approval != now.approval:
        said = "needs approval" if now.approval == "ask" else "needs no approval any more"
        yield Change(section="tools", direction=_DOWN if now.approval == "ask" else _UP, message=f"{label} {said}")


def _over_time(label: str, before: ToolRule, now: ToolRule) -> Iterator[Change]:
    was, most = before.max_session_calls, now.max_session_calls
    if was != most:
        wider = most is None or (was is not None and most > was)
        said = "any number of" if most is None else f"{most:g}"
        instead = "any number" if was is None else f"{was:g}"
        yield Change(section="tools", direction=_UP if wider else _DOWN,
                     message=f"{label}: {said} calls per session instead of {instead}")  # fmt: skip
    if before.rate != now.rate:
        said = f"{label}: {now.rate or 'any'} rate of calls instead of {before.rate or 'any'}"
        yield Change(
            section="tools", direction=_UP if may_let_more_through(now.rate, before.rate) else _DOWN, message=said
        )


def _condition(name: str, label: str, before: ToolRule, now: ToolRule) -> Iterator[Change]:
    if before.when == now.when:
        return
    said = f"`when` is {now.when!r} instead of {before.when!r}".replace("None", "nothing")
    for direction, (call, is_complete) in (
        (_UP, gained(before.when, now.when)),
        (_DOWN, gained(now.when, before.when)),
    ):
        if call is not None:
            shown = ", ".join(f"{parameter}={value!r}" for parameter, value in call.items())
            yield Change(section="tools", direction=direction, message=f"{label}: {said}",
                         witness=f"{_called(name)}({shown})", is_verified=True)  # fmt: skip
        elif not is_complete and direction is _UP:
            said_of_all = "too many parameters to say of all calls what that means, so take it for wider"
            yield Change(section="tools", direction=_UP, message=f"{label}: {said}: {said_of_all}")


def _redactions(label: str, before: ToolRule, now: ToolRule) -> Iterator[Change]:
    """More in the trail is more that its reader learns; less is less that an auditor does. The first is called wider."""
    for path in sorted(set(before.redact) - set(now.redact)):
        yield Change(section="tools", direction=_UP, message=f"{label}: the trail keeps {path!r}")
    for path in sorted(set(now.redact) - set(before.redact)):
        yield Change(section="tools", direction=_DOWN, message=f"{label}: the trail does not keep {path!r} any more")


# ---- figures, files, protections


def _figures(section: str, before: Any, now: Any) -> Iterator[Change]:
    for field in dataclasses.fields(before):
        was, is_now = getattr(before, field.name), getattr(now, field.name)
        if was != is_now:
            direction = _UP if is_now > was else _DOWN
            yield Change(section=section, direction=direction, message=f"{field.name}: {is_now:g} instead of {was:g}")


def _limits(old: Policy, new: Policy, judge: Judge) -> Iterator[Change]:
    for change in _figures("limits", old.limits, new.limits):
        narrow, wide = (old, new) if change.direction is _UP else (new, old)
        witness, verified = witnesses.of_limit(change.message.partition(":")[0], narrow, wide, judge)
        yield dataclasses.replace(change, witness=witness, is_verified=verified)


_WORKSPACES = {"none": 0, "ro": 1, "rw": 2}
_REQUIREMENTS = {"off": 0, "preferred": 1, "required": 2}


def _files(old: Policy, new: Policy, judge: Judge) -> Iterator[Change]:
    was, is_now = old.filesystem.workspace, new.filesystem.workspace
    if was != is_now:
        direction = _UP if _WORKSPACES[is_now] > _WORKSPACES[was] else _DOWN
        witness, verified = witnesses.of_workspace(*((old, new) if direction is _UP else (new, old)), judge)
        said = f"the workspace is {is_now!r} instead of {was!r}"
        yield Change(section="files", direction=direction, message=said, witness=witness, is_verified=verified)
    before = [line.path for line in old.filesystem.read]
    now = [line.path for line in new.filesystem.read]
    for paths, others, direction, said in (
        (now, before, _UP, "can be read"),
        (before, now, _DOWN, "cannot be read any more"),
    ):
        for path in paths:
            if not any(is_below(path, other) for other in others):
                witness, verified = witnesses.of_path(path, *((old, new) if direction is _UP else (new, old)), judge)
                yield Change(section="files", direction=direction, witness=witness, is_verified=verified,
                             message=f"{path} {said}, with all that is below it")  # fmt: skip


def _isolation(old: Policy, new: Policy) -> Iterator[Change]:
    for field in ("seccomp", "landlock", "namespaces", "cgroup"):
        was, is_now = getattr(old.isolation, field), getattr(new.isolation, field)
        if was != is_now:
            direction = _DOWN if _REQUIREMENTS[is_now] > _REQUIREMENTS[was] else _UP
            yield Change(section="isolation", direction=direction, message=f"{field} is {is_now} instead of {was}")
    shared, shares = old.isolation.zygote, new.isolation.zygote
    if shared != shares:
        direction = _UP if shares == "shared" else _DOWN
        yield Change(
            section="isolation", direction=direction, message=f"the zygote is {shares!r} instead of {shared!r}"
        )


def _output(old: Policy, new: Policy) -> Iterator[Change]:
    was, is_now = old.output.on_limit, new.output.on_limit
    if was != is_now:
        direction = _UP if is_now == "truncate" else _DOWN
        yield Change(section="output", direction=direction, message=f"past the limit, {is_now} instead of {was}")
