"""The toolbox: which host functions an action may call, how often, and what it is told of each call.

Threat: whoever owns the worker chooses name, arguments and moment of every call. So a call is looked up in the table of
allowed tools, counted against its budgets, bound and validated (`host.tool`), approved where the policy says so; and of
an exception only its public message goes back: no traceback, no host path.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import functools
import inspect
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from safe_codeact.errors import ToolWithheld, TrailError
from safe_codeact.escaping import logger
from safe_codeact.host.apart import in_thread
from safe_codeact.host.approvals import Approvals, unanswered
from safe_codeact.host.budget import Counter, Refusal, Spent, require_size
from safe_codeact.host.conditions import check_condition, require_condition
from safe_codeact.host.crew import Busy, Crew
from safe_codeact.host.exchange import PutAside
from safe_codeact.host.results import NotPlainResult, not_carried, plain_result, validated
from safe_codeact.host.tool import NOT_MADE, Decision, IdempotencyKey, Misused, Preview, Tool, ToolCall
from safe_codeact.observation import ToolRecord
from safe_codeact.policy.effective import Policy, ToolRule
from safe_codeact.trail.entry import Entry, Unrecorded, told
from safe_codeact.wire import messages
from safe_codeact.wire.encode import pack

_LOG = logger("safe_codeact.tools")
_CARRIED_KB = 2048  # of arguments, in the largest call that the wire carries


def rule_for(policy: Policy, name: str) -> ToolRule | None:
    """The line that governs a tool: its own, else `"*"`; None when neither allows it."""
    named = {rule.name: rule for rule in policy.tools}
    star = named.get("*")
    rule = named.get(name, star)
    if rule is None or rule.deny or (star is not None and star.deny):
        return None
    return rule


class Toolbox:
    """The tools of one runtime, under its policy."""

    def __init__(
        self, policy: Policy, tools: Sequence[Callable[..., Any]], approve: Callable[[ToolCall], Any] | None
    ) -> None:
        self._limit = policy.limits.tool_calls
        self._approve = approve
        self._tools: dict[str, tuple[Tool, ToolRule]] = {}
        withheld = []
        for given in tools:
            made = Tool.of(given)
            rule = rule_for(policy, made.name)
            if rule is None:
                withheld.append(made.name)
                warnings.warn(
                    f"the tool {made.name!r} is withheld: policy {policy.name!r} does not allow it. A line "
                    f"`tools: {{{made.name}: {{why: …}}}}` would.",
                    ToolWithheld,
                    stacklevel=4,
                )
            elif made.name in self._tools:
                raise ValueError(f"two tools are called {made.name!r}: give one another name with @tool(name=…)")
            else:
                check_condition(policy, made, rule)
                self._tools[made.name] = (made, rule)
        self.withheld = tuple(withheld)
        self.stubs = [made.stub(asks=rule.approval == "ask") for made, rule in self._tools.values()]
        for made, _rule in self._tools.values():
            # A tool that is about the others (`agent.FindTools`): which of them exist is known here only.
            if (tell := getattr(made.function, "__safe_codeact_tell_tools__", None)) is not None:
                tell(self.stubs)
        self._crew = Crew()

    @property
    def may_wait(self) -> bool:
        """Whether a call may ask a person, who may answer later."""
        return self._approve is not None and any(rule.approval == "ask" for _made, rule in self._tools.values())

    def arguments_of(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """A call's arguments by name, validated where that is possible."""
        made, _rule = self._tools.get(name, (None, None))
        try:
            return dict(made.bind(args, kwargs).arguments) if made is not None else {"args": args, **kwargs}
        except Misused:
            return {"args": args, **kwargs}

    def session(self, action: str = "", spent: Spent | None = None) -> Calls:
        """The calls of one action; its name is the beginning of each call's key, `spent` what its session called before."""
        return Calls(self._tools, Counter(self._limit, spent or Spent()), self._approve, self._crew, action)

    def close(self) -> None:
        """A tool that hangs is not waited for."""
        self._crew.close()


class Calls:
    """One action's tool calls: budgets, and a record of each, in order."""

    def __init__(
        self,
        tools: Mapping[str, tuple[Tool, ToolRule]],
        counter: Counter,
        approve: Callable[[ToolCall], Any] | None,
        crew: Crew,
        action: str = "",
    ) -> None:
        self._action = action
        self.entry: Entry = Unrecorded()  # what the trail has of this action
        self.begins: Callable[[messages.ToolCall, Tool], None] = lambda call, tool: None  # right before each
        self.may_wait: Callable[[], bool] = lambda: False  # whether the action can be put aside
        self.is_kept = False  # `begins` may wait for a disk
        self.decisions: dict[int, Decision] = {}  # of persons who were asked before, by call
        self._tools = tools
        self._rules = {name: rule for name, (_made, rule) in tools.items()}
        self._counter = counter
        self.approvals = Approvals(approve, crew)
        self._asked = 0.0  # of their seconds, what replies have said
        self._report: messages.Judged | None = None
        self._crew = crew
        self._records: dict[int, ToolRecord] = {}

    @property
    def records(self) -> list[ToolRecord]:
        """One for each call, in the order in which they were made."""
        return [self._records[number] for number in sorted(self._records)]

    @property
    def asked_seconds(self) -> float:
        """How long persons thought about this action's calls: the time is not the action's."""
        return self.approvals.seconds

    def may_ask(self, call: messages.ToolCall) -> float:
        """Seconds that a person may think about this call."""
        rule = self._rules.get(call.name)
        return rule.approval_seconds if rule is not None and rule.approval == "ask" else 0.0

    def judged(self, verdict: messages.Judged) -> None:
        """What the gate said of the action, before any of it ran."""
        self._report = verdict

    def preview(self, source: str, workspace: str, files: Iterable[str], readable: Iterable[str]) -> Preview:
        """The action as an approver may look at it."""
        report = self._report.report if self._report is not None else {"tools": (), "imports": ()}
        return Preview(
            source=source,
            tools=tuple(report["tools"]),
            imports=tuple(report["imports"]),
            workspace=workspace,
            files=tuple(files),
            readable=tuple(readable),
        )

    def note(self, readings: messages.Readings) -> None:
        """Nobody records them."""

    def sent(self, reply: messages.ToolReply) -> None:
        """Nobody records it."""

    def begun(self) -> None:
        """Nothing is held back."""

    def is_concurrent(self, call: messages.ToolCall) -> bool:
        """Whether others may be answered meanwhile: an async tool that no person is asked about."""
        made, rule = self._tools.get(call.name, (None, None))
        return made is not None and rule is not None and made.is_async and rule.approval == "never"

    def begin(self, call: messages.ToolCall, seconds_left: float) -> Future[messages.ToolReply] | None:
        """`answer` in the background; None where it has to be waited for."""
        if not self.is_concurrent(call):
            return None
        context = contextvars.copy_context()
        try:
            return self._crew.submit(functools.partial(context.run, self.answer, call, seconds_left))
        except RuntimeError:
            return None  # and `answer` says why

    def answer(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """Run one call, blocking. An async tool gets an event loop of its own."""
        started = time.monotonic()
        arguments: dict[str, Any] = {}
        try:
            made, rule, bound = self._admit(call, arguments)
            decision = self.decisions.pop(call.call, None)
            if decision is None and rule.approval == "ask":
                decision = self.approvals.ask(made.name, rule, arguments)
            bound = self._settle(call, decision, arguments) or bound
            if (value := _told(decision)) is NOT_MADE:
                self.entry.called(call, rule, arguments)
                self.begins(call, made)
                run = functools.partial(contextvars.copy_context().run, _run_here, self._ready(call, made, bound))
                value = self._run(run, _timeout(rule, seconds_left))
            reply = self._result(call, made, rule, value)
            outcome = "returned" if not reply.error_type else "raised"
        except BaseException as error:
            reply, outcome = self._failure(call, error)
        return self._concluded(call, arguments, outcome, started, reply)

    async def answer_async(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """Run one call in the running loop; a sync tool runs in a thread, so that it does not hold the loop up."""
        started = time.monotonic()
        arguments: dict[str, Any] = {}
        try:
            made, rule, bound = self._admit(call, arguments)
            decision = self.decisions.pop(call.call, None)
            if decision is None and rule.approval == "ask":
                decision = await self.approvals.ask_async(made.name, rule, arguments)
            bound = self._settle(call, decision, arguments) or bound
            if (value := _told(decision)) is NOT_MADE:
                self.entry.called(call, rule, arguments)
                await self._begin_async(call, made)
                async with asyncio.timeout(_timeout(rule, seconds_left)):
                    value = await self._awaited(made, self._ready(call, made, bound))
            reply = self._result(call, made, rule, value)
            outcome = "returned" if not reply.error_type else "raised"
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            reply, outcome = self._failure(call, RuntimeError("the tool was cancelled"))
        except BaseException as error:
            reply, outcome = self._failure(call, error)
        return self._concluded(call, arguments, outcome, started, reply)

    def _admit(
        self, call: messages.ToolCall, arguments: dict[str, Any], *, again: bool = False
    ) -> tuple[Tool, ToolRule, inspect.BoundArguments]:
        if call.name not in self._tools:
            raise Refusal(f"there is no tool {call.name!r}. Tools here: {', '.join(sorted(self._tools)) or 'none'}")
        made, rule = self._tools[call.name]
        self._counter.charge(call.name, rule, again=again)
        if rule.max_argument_kb < _CARRIED_KB:
            require_size(call.name, rule, len(pack([call.args, call.kwargs])))
        bound = made.bind(call.args, call.kwargs)
        arguments.update(bound.arguments)
        require_condition(made, rule, bound)
        return made, rule, bound

    def _ready(self, call: messages.ToolCall, made: Tool, bound: inspect.BoundArguments) -> Callable[[], Any]:
        key = {made.key_parameter: IdempotencyKey(f"{self._action}-{call.call}")} if made.key_parameter else {}
        args, kwargs = made.binder.split(bound)
        return functools.partial(made.function, *args, **kwargs, **key)

    async def _awaited(self, made: Tool, ready: Callable[[], Any]) -> Any:
        if made.is_async:
            return await ready()
        run = functools.partial(contextvars.copy_context().run, _run_here, ready)
        return await asyncio.wrap_future(self._submitted(run))

    async def _begin_async(self, call: messages.ToolCall, made: Tool) -> None:
        if self.is_kept:
            await in_thread(self.begins, call, made)
        else:
            self.begins(call, made)

    def repeat(self, call: messages.ToolCall, outcome: str, reply: messages.ToolReply) -> None:
        """Count and record a call that was made before, and is not made again."""
        arguments: dict[str, Any] = {}
        with contextlib.suppress(Refusal, Misused):
            self._admit(call, arguments, again=True)
        self._note(call, arguments, outcome, 0.0, reply)

    def outcome_of(self, number: int) -> str:
        """How a call ended."""
        return self._records[number].outcome

    def has_effect(self, name: str) -> bool:
        """Whether a call that may have happened must not be made again."""
        made, _rule = self._tools.get(name, (None, None))
        return made is not None and not made.read_only

    def _concluded(
        self,
        call: messages.ToolCall,
        arguments: dict[str, Any],
        outcome: str,
        started: float,
        reply: messages.ToolReply,
    ) -> messages.ToolReply:
        record = self._note(call, arguments, outcome, time.monotonic() - started, reply)
        if self.may_ask(call) and (asked := self.approvals.seconds - self._asked):  # one such call at a time
            self._asked += asked
            reply = dataclasses.replace(reply, asked_seconds=asked)
        self.entry.answered(call, record, self._rules.get(call.name))
        return reply

    def _note(
        self, call: messages.ToolCall, given: dict[str, Any], outcome: str, seconds: float, reply: messages.ToolReply
    ) -> ToolRecord:
        said = told(reply, self._rules.get(call.name))
        made = ToolRecord(name=call.name, arguments=given, outcome=outcome, seconds=seconds, reply=said)
        return self._records.setdefault(call.call, made)

    def _run(self, run: Callable[[], Any], seconds: float) -> Any:
        try:
            return self._crew.run(run, seconds)
        except Busy as error:
            raise Refusal(str(error)) from None

    def _submitted(self, run: Callable[[], Any]) -> Future[Any]:
        try:
            return self._crew.submit(run)
        except Busy as error:
            raise Refusal(str(error)) from None

    def _settle(
        self, call: messages.ToolCall, decision: Any, arguments: dict[str, Any]
    ) -> inspect.BoundArguments | None:
        """Raises `Refusal`, or `PutAside`. The arguments that a person put in the place of the action's, or None."""
        name = call.name
        if decision is None and self._tools[name][1].approval != "ask":
            return None
        if not isinstance(decision, Decision):
            raise unanswered(name, TypeError(f"approve must return a Decision, got {type(decision).__name__}"))
        if decision.later and self.may_wait():
            raise PutAside(call)
        if decision.later:
            raise Refusal(
                f"{name} needs a person's approval, who cannot give it now, and this action cannot be put aside"
            )
        if not decision.approved:
            raise Refusal(f"{name} was rejected{': ' + decision.reason if decision.reason else ''}")
        return None if decision.arguments is None else self._edited(name, decision.arguments, arguments)

    def _edited(self, name: str, given: Mapping[str, Any], arguments: dict[str, Any]) -> inspect.BoundArguments:
        made, rule = self._tools[name]
        try:
            bound = made.rebind(given)
        except Misused as misused:
            raise Refusal(f"{name} was approved with other arguments, and they do not fit: {misused}") from None
        require_condition(made, rule, bound)
        arguments.clear()
        arguments.update(bound.arguments)
        return bound

    def _result(self, call: messages.ToolCall, made: Tool, rule: ToolRule, value: Any) -> messages.ToolReply:
        try:
            plain, is_record = plain_result(validated(made.returns, value))
        except NotPlainResult as problem:
            _LOG.warning("tool %r %s", call.name, problem, exc_info=problem.__cause__)
            raise Refusal(f"{made.name} {problem}") from None
        if reason := not_carried(plain, rule.max_result_kb):
            raise Refusal(f"{made.name} returned {reason}")
        return messages.ToolReply(call.call, plain, "", "", is_record, 0.0)

    def _failure(self, call: messages.ToolCall, error: BaseException) -> tuple[messages.ToolReply, str]:
        """What the action is told, and the record's outcome. Everything else stays in the host's log."""
        match error:
            case Refusal():
                kind, message, outcome = "ToolError", str(error), "rejected"
            case Misused():
                kind, message, outcome = error.kind, str(error), "rejected"
            case TrailError():
                kind, message, outcome = "ToolError", f"{call.name} cannot be recorded, and is not called", "rejected"
            case TimeoutError():
                kind, message, outcome = "ToolError", f"{call.name} took longer than it may", "timed_out"
            case Exception():
                _LOG.warning("tool %r raised", call.name, exc_info=error)
                kind, message, outcome = "ToolError", f"{type(error).__name__}: {error}", "raised"
            case _:
                raise error
        shown = message[:3000].encode("utf-8", "backslashreplace").decode("utf-8")[:4000]
        return messages.ToolReply(call=call.call, error_type=kind, error_message=shown), outcome


def _told(decision: Decision | None) -> Any:
    """What a person says that the call returned."""
    return NOT_MADE if decision is None else decision.result


def _timeout(rule: ToolRule, seconds_left: float) -> float:
    return min(rule.timeout_seconds, max(seconds_left, 0.001))


def _run_here(function: Callable[[], Any]) -> Any:
    """A tool's value, in a thread of the crew: what it raises to end its own thread must not end its caller's."""
    try:
        value = function()
        return asyncio.run(_awaited(value)) if inspect.isawaitable(value) else value
    except Exception:
        raise
    except BaseException as error:
        raise RuntimeError(f"the tool raised {type(error).__name__}") from error


async def _awaited(value: Any) -> Any:
    return await value
