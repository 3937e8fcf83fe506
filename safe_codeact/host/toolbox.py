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
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pydantic_core

from safe_codeact.errors import ToolWithheld
from safe_codeact.host.tool import Decision, Misused, Tool, ToolCall
from safe_codeact.observation import ToolRecord
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
                self._tools[made.name] = (made, rule)
        self.withheld = tuple(withheld)
        self.stubs = [made.stub() for made, _rule in self._tools.values()]
        self._threads = ThreadPoolExecutor(thread_name_prefix="safe_codeact tool") if self._tools else None

    def session(self) -> Calls:
        """The calls of one action."""
        return Calls(self._tools, self._limit, self._approve, self._threads)

    def close(self) -> None:
        """Do not wait for a tool that hangs: its thread is a daemon of the pool, and it is the host's own code."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


class Refusal(Exception):
    """A call that does not go through; the message is for the action."""


class Calls:
    """One action's tool calls: budgets, and a record of each, in order."""

    def __init__(
        self,
        tools: Mapping[str, tuple[Tool, ToolRule]],
        limit: int,
        approve: Callable[[ToolCall], Any] | None,
        threads: ThreadPoolExecutor | None,
    ) -> None:
        self._tools = tools
        self._limit = limit
        self._approve = approve
        self._threads = threads
        self._counts: dict[str, int] = {}
        self.records: list[ToolRecord] = []

    def answer(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """Run one call, blocking. An async tool gets an event loop of its own."""
        started = time.monotonic()
        arguments: dict[str, Any] = {}
        try:
            made, rule, bound = self._admit(call, arguments)
            if rule.approval == "ask":
                self._settle(made.name, self._ask(made.name, arguments))
            timeout = min(rule.timeout_seconds, max(seconds_left, 0.001))
            if self._threads is None:
                raise Refusal("no tools here")
            context = contextvars.copy_context()
            run = functools.partial(_run_here, made, bound)
            value = self._threads.submit(context.run, run).result(timeout)
            reply = self._result(call, made, rule, value)
            outcome = "returned" if not reply.error_type else "raised"
        except BaseException as error:
            reply, outcome = self._failure(call, error)
        self.records.append(_record(call.name, arguments, outcome, started))
        return reply

    async def answer_async(self, call: messages.ToolCall, seconds_left: float) -> messages.ToolReply:
        """Run one call in the running loop; a sync tool runs in a thread, so that it does not hold the loop up."""
        started = time.monotonic()
        arguments: dict[str, Any] = {}
        try:
            made, rule, bound = self._admit(call, arguments)
            if rule.approval == "ask":
                decision = self._ask(made.name, arguments)
                self._settle(made.name, await decision if inspect.isawaitable(decision) else decision)
            async with asyncio.timeout(min(rule.timeout_seconds, max(seconds_left, 0.001))):
                if made.is_async:
                    value = await made.function(*bound.args, **bound.kwargs)
                else:
                    value = await asyncio.to_thread(made.function, *bound.args, **bound.kwargs)
            reply = self._result(call, made, rule, value)
            outcome = "returned" if not reply.error_type else "raised"
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            reply, outcome = self._failure(call, error)
        self.records.append(_record(call.name, arguments, outcome, started))
        return reply

    def _admit(
        self, call: messages.ToolCall, arguments: dict[str, Any]
    ) -> tuple[Tool, ToolRule, inspect.BoundArguments]:
        if call.name not in self._tools:
            raise Refusal(f"there is no tool {call.name!r}. Tools here: {', '.join(sorted(self._tools)) or 'none'}")
        made, rule = self._tools[call.name]
        used = self._counts.get(call.name, 0)
        if used >= rule.max_calls:
            raise Refusal(f"{call.name} may be called {rule.max_calls} times per action, and was")
        if sum(self._counts.values()) >= self._limit:
            raise Refusal(f"an action may make {self._limit} tool calls, and did")
        self._counts[call.name] = used + 1
        bound = made.bind(call.args, call.kwargs)
        arguments.update(bound.arguments)
        return made, rule, bound

    def _ask(self, name: str, arguments: dict[str, Any]) -> Any:
        if self._approve is None:
            raise Refusal(f"{name} needs a person's approval, and nobody is there to give it")
        return self._approve(ToolCall(name=name, arguments=dict(arguments)))

    def _settle(self, name: str, decision: Any) -> None:
        if not isinstance(decision, Decision):
            raise TypeError(f"approve must return a Decision, got {type(decision).__name__}")
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


def _run_here(made: Tool, bound: inspect.BoundArguments) -> Any:
    value = made.function(*bound.args, **bound.kwargs)
    return asyncio.run(_awaited(value)) if inspect.isawaitable(value) else value


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
