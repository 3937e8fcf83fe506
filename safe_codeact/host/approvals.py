"""Asking a person about a call, within a time of its own.

An approver is the operator's code: called in a thread of the crew, so that one that never answers holds up nothing, and
with a copy, so that nothing it does to the arguments takes effect. What it says counts only as a `Decision`.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import time
from collections.abc import Callable
from typing import Any

from safe_codeact.escaping import logger
from safe_codeact.host.budget import Refusal
from safe_codeact.host.crew import Crew
from safe_codeact.host.tool import Preview, ToolCall
from safe_codeact.policy.effective import ToolRule

_LOG = logger("safe_codeact.tools")


class Approvals:
    """Of one action. `seconds` is how long persons have thought so far: the action's clock stood still."""

    def __init__(self, approve: Callable[[ToolCall], Any] | None, crew: Crew) -> None:
        self._approve = approve
        self._crew = crew
        self.seconds = 0.0
        self.preview: Callable[[], Preview | None] = lambda: None

    def ask(self, name: str, rule: ToolRule, arguments: dict[str, Any]) -> Any:
        """The approver's answer. Raises `Refusal`."""
        ready = self._ready(name, arguments)
        began = time.monotonic()
        try:
            return self._crew.submit(functools.partial(_answer, ready)).result(rule.approval_seconds)
        except TimeoutError:
            raise _late(name, rule) from None
        except Exception as error:
            raise unanswered(name, error) from None
        finally:
            self.seconds += time.monotonic() - began

    async def ask_async(self, name: str, rule: ToolRule, arguments: dict[str, Any]) -> Any:
        """As `ask`. A coroutine runs in this loop, another approver in a thread."""
        ready = self._ready(name, arguments)
        began = time.monotonic()
        try:
            async with asyncio.timeout(rule.approval_seconds):
                decision = ready() if self._is_async else await asyncio.wrap_future(self._crew.submit(ready))
                return await decision if inspect.isawaitable(decision) else decision
        except TimeoutError:
            raise _late(name, rule) from None
        except Exception as error:
            raise unanswered(name, error) from None
        finally:
            self.seconds += time.monotonic() - began

    @property
    def _is_async(self) -> bool:
        return inspect.iscoroutinefunction(self._approve) or inspect.iscoroutinefunction(
            getattr(self._approve, "__call__", None)  # noqa: B004 - an object whose __call__ is a coroutine function
        )

    def _ready(self, name: str, arguments: dict[str, Any]) -> Callable[[], Any]:
        if self._approve is None:
            raise Refusal(f"{name} needs a person's approval, and nobody is there to give it")
        call = ToolCall(name=name, arguments=dict(arguments), preview=self.preview())
        return functools.partial(contextvars.copy_context().run, self._approve, call)


def _answer(ready: Callable[[], Any]) -> Any:
    """In a thread: there is no loop to wait in but one of its own. What ends a thread must not end its caller's."""
    try:
        decision = ready()
        return asyncio.run(_awaited(decision)) if inspect.isawaitable(decision) else decision
    except Exception:
        raise
    except BaseException as error:
        raise RuntimeError(f"the approver raised {type(error).__name__}") from error


async def _awaited(value: Any) -> Any:
    return await value


def _late(name: str, rule: ToolRule) -> Refusal:
    return Refusal(f"{name} needs a person's approval, and nobody gave it within {rule.approval_seconds:g} seconds")


def unanswered(name: str, error: Exception) -> Refusal:
    """An approver's fault is the operator's: it goes to the log, and the action learns that nobody said yes."""
    _LOG.error("approving a call of %r failed", name, exc_info=error)
    return Refusal(f"{name} needs a person's approval, and asking for it failed")
