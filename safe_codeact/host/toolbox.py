"""The toolbox: which host functions an action may call, how often, and what it is told of each call.

Threat: whoever owns the worker chooses name, arguments and moment of every call. So a call is looked up in the table of
allowed tools, counted against its budgets, bound and validated (`host.tool`), approved where the policy says so; and of
an exception only its public message goes back: no traceback, no host path.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import logging
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import pydantic_core

from safe_codeact.errors import InvalidPolicy, ToolWithheld
from safe_codeact.host.crew import Crew
from safe_codeact.host.tool import Decision, Misused, Tool, ToolCall
from safe_codeact.observation import ToolRecord
from safe_codeact.policy import conditions
from safe_codeact.policy.effective import Policy, ToolRule
from safe_codeact.wire import messages
from safe_codeact.wire.encode import NotEncodable, pack

_LOG = logging.getLogger("safe_codeact.tools")
_PLAIN = (type(None), bool, int, float, str, bytes)


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
                _check_condition(policy, made, rule)
                self._tools[made.name] = (made, rule)
        self.withheld = tuple(withheld)
        self.stubs = [made.stub() for made, _rule in self._tools.values()]
        for made, _rule in self._tools.values():
            # A tool that is about the others (`agent.FindTools`): which of them exist is known here only.
            if (tell := getattr(made.function, "__safe_codeact_tell_tools__", None)) is not None:
                tell(self.stubs)
        self._crew = Crew()

    def session(self) -> Calls:
        """The calls of one action."""
        return Calls(self._tools, self._limit, self._approve, self._crew)

    def close(self) -> None:
        """A tool that hangs is not waited for."""
        self._crew.close()


_condition = functools.lru_cache(maxsize=256)(conditions.parse)


def _check_condition(policy: Policy, made: Tool, rule: ToolRule) -> None:
    """A condition about a parameter that the tool does not have would refuse every call: say it before the first."""
    unknown = sorted(_condition(rule.when).names - made.signature.parameters.keys()) if rule.when else []
    if unknown:
        raise InvalidPolicy(
            f"policy {policy.name!r}: tools.{rule.name}.when={rule.when!r} asks about {', '.join(map(repr, unknown))}, which "
            f"{made.name}{made.signature} does not take"
        )


def _require_condition(made: Tool, rule: ToolRule, bound: inspect.BoundArguments) -> None:
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


class Refusal(Exception):
    """A call that does not go through; the message is for the action."""


class Calls:
    """One action's tool calls: budgets, and a record of each, in order."""

    def __init__(
        self,
        tools: Mapping[str, tuple[Tool, ToolRule]],
        limit: int,
        approve: Callable[[ToolCall], Any] | None,
        crew: Crew,
    ) -> None:
        self._tools = tools
        self._limit = limit
        self._approve = approve
        self._crew = crew
        self._counts: dict[str, int] = {}
        self._counting = threading.Lock()  # calls of async tools are admitted in threads of the crew
        self._records: dict[int, ToolRecord] = {}

    @property
    def records(self) -> list[ToolRecord]:
        """One for each call, in the order in which they were made."""
        return [self._records[number] for number in sorted(self._records)]

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
            if rule.approval == "ask":
                self._settle(made.name, self._ask(made.name, arguments))
            context = contextvars.copy_context()
            run = functools.partial(
                context.run, _run_here, functools.partial(made.function, *bound.args, **bound.kwargs)
            )
            value = self._submitted(run).result(_timeout(rule, seconds_left))
            reply = self._result(call, made, rule, value)
            outcome = "returned" if not reply.error_type else "raised"
        except BaseException as error:
            reply, outcome = self._failure(call, error)
        self._records[call.call] = _record(call.name, arguments, outcome, started)
        return reply

    async def answer_async(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """Run one call in the running loop; a sync tool runs in a thread, so that it does not hold the loop up."""
        started = time.monotonic()
        arguments: dict[str, Any] = {}
        try:
            made, rule, bound = self._admit(call, arguments)
            if rule.approval == "ask":
                self._settle(made.name, await self._ask_async(made.name, arguments))
            async with asyncio.timeout(_timeout(rule, seconds_left)):
                if made.is_async:
                    value = await made.function(*bound.args, **bound.kwargs)
                else:
                    context = contextvars.copy_context()
                    call_it = functools.partial(made.function, *bound.args, **bound.kwargs)
                    value = await asyncio.wrap_future(
                        self._submitted(functools.partial(context.run, _run_here, call_it))
                    )
            reply = self._result(call, made, rule, value)
            outcome = "returned" if not reply.error_type else "raised"
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            reply, outcome = self._failure(call, RuntimeError("the tool was cancelled"))
        except BaseException as error:
            reply, outcome = self._failure(call, error)
        self._records[call.call] = _record(call.name, arguments, outcome, started)
        return reply

    def _admit(
        self, call: messages.ToolCall, arguments: dict[str, Any]
    ) -> tuple[Tool, ToolRule, inspect.BoundArguments]:
        if call.name not in self._tools:
            raise Refusal(f"there is no tool {call.name!r}. Tools here: {', '.join(sorted(self._tools)) or 'none'}")
        made, rule = self._tools[call.name]
        with self._counting:
            used = self._counts.get(call.name, 0)
            if used >= rule.max_calls:
                raise Refusal(f"{call.name} may be called {rule.max_calls} times per action, and was")
            if sum(self._counts.values()) >= self._limit:
                raise Refusal(f"an action may make {self._limit} tool calls, and did")
            self._counts[call.name] = used + 1
        bound = made.bind(call.args, call.kwargs)
        arguments.update(bound.arguments)
        _require_condition(made, rule, bound)
        return made, rule, bound

    def _submitted(self, run: Callable[[], Any]) -> Future[Any]:
        try:
            return self._crew.submit(run)
        except RuntimeError as error:
            raise Refusal(str(error)) from None

    def _approver(self, name: str) -> Callable[[ToolCall], Any]:
        if self._approve is None:
            raise Refusal(f"{name} needs a person's approval, and nobody is there to give it")
        return self._approve

    def _ask(self, name: str, arguments: dict[str, Any]) -> Any:
        approve = self._approver(name)
        try:
            decision = approve(ToolCall(name=name, arguments=dict(arguments)))
            if inspect.isawaitable(decision):  # in a thread of its own: this one may be an event loop's
                return self._submitted(functools.partial(_run_here, lambda: decision)).result()
            return decision
        except Exception as error:
            raise _unanswered(name, error) from None

    async def _ask_async(self, name: str, arguments: dict[str, Any]) -> Any:
        approve = self._approver(name)
        try:
            decision = approve(ToolCall(name=name, arguments=dict(arguments)))
            return await decision if inspect.isawaitable(decision) else decision
        except Exception as error:
            raise _unanswered(name, error) from None

    def _settle(self, name: str, decision: Any) -> None:
        if not isinstance(decision, Decision):
            raise _unanswered(name, TypeError(f"approve must return a Decision, got {type(decision).__name__}"))
        if not decision.approved:
            raise Refusal(f"{name} was rejected{': ' + decision.reason if decision.reason else ''}")

    def _result(self, call: messages.ToolCall, made: Tool, rule: ToolRule, value: Any) -> messages.ToolReply:
        plain = _plain(value)
        try:
            size = len(pack(plain))
        except NotEncodable as error:
            raise Refusal(f"{made.name} returned what cannot be carried: {error}") from None
        if size > rule.max_result_kb * 1024:
            raise Refusal(f"{made.name} returned {size:,} bytes; its limit is {rule.max_result_kb} KiB")
        return messages.ToolReply(call=call.call, value=plain)

    def _failure(self, call: messages.ToolCall, error: BaseException) -> tuple[messages.ToolReply, str]:
        """What the action is told, and the record's outcome. Everything else stays in the host's log."""
        match error:
            case Refusal():
                kind, message, outcome = "ToolError", str(error), "rejected"
            case Misused():
                kind, message, outcome = error.kind, str(error), "rejected"
            case TimeoutError():
                kind, message, outcome = "ToolError", f"{call.name} took longer than it may", "timed_out"
            case Exception():
                _LOG.warning("tool %r raised", call.name, exc_info=error)
                kind, message, outcome = "ToolError", f"{type(error).__name__}: {error}", "raised"
            case _:
                raise error
        shown = message[:3000].encode("utf-8", "backslashreplace").decode("utf-8")[:4000]
        return messages.ToolReply(call=call.call, error_type=kind, error_message=shown), outcome


def _unanswered(name: str, error: Exception) -> Refusal:
    """An approver's fault is the operator's: it goes to the log, and the action learns that nobody said yes."""
    _LOG.error("approving a call of %r failed", name, exc_info=error)
    return Refusal(f"{name} needs a person's approval, and asking for it failed")


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


def _record(name: str, arguments: dict[str, Any], outcome: str, started: float) -> ToolRecord:
    return ToolRecord(name=name, arguments=arguments, outcome=outcome, seconds=time.monotonic() - started)


def _plain(value: Any) -> Any:
    """Plain data as it is; dataclasses, models, dates and the like as pydantic writes them for JSON."""
    if type(value) in _PLAIN:
        return value
    if type(value) in (list, tuple):
        return type(value)(_plain(item) for item in value)
    if type(value) is dict:
        return {key if type(key) in _PLAIN else str(key): _plain(item) for key, item in value.items()}
    try:
        return pydantic_core.to_jsonable_python(value)
    except (pydantic_core.PydanticSerializationError, ValueError, RecursionError):
        raise Refusal(f"a tool returned {type(value).__name__}, which is not plain data") from None
