"""Tools as an action sees them: callables that ask the host, and nothing of the host behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from safe_codeact.guest.channel import Channel
from safe_codeact.wire import messages
from safe_codeact.wire.encode import NotEncodable, TooLarge


class ToolError(Exception):
    """A tool call did not go through; the message is the host's."""


_ERRORS: dict[str, type[Exception]] = {"TypeError": TypeError, "ValueError": ValueError}


class Calls:
    """Numbers the calls of one action."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._made = 0

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask the host and wait. Raises `ToolError`, or `TypeError`/`ValueError` for arguments that do not fit."""
        question = messages.ToolCall(call=self._made + 1, name=name, args=list(args), kwargs=kwargs)
        try:
            reply = self._channel.ask(question)
        except TooLarge as error:
            raise ValueError(f"{name}: the arguments are too large for one call: {error}") from None
        except NotEncodable as error:
            raise TypeError(
                f"{name}: a tool takes plain data (None, bool, int, float, str, bytes, list, tuple, dict): {error}"
            ) from None
        self._made += 1
        if reply.error_type:
            raise _ERRORS.get(reply.error_type, ToolError)(reply.error_message)
        return reply.value


def make_stub(stub: messages.ToolStub, calls: Calls) -> Callable[..., Any]:
    """A function with the tool's name, docstring and signature text."""

    def tool(*args: Any, **kwargs: Any) -> Any:
        if stub.is_async and _loop_runs():
            return _later(calls, stub.name, args, kwargs)
        return calls.call(stub.name, args, kwargs)

    tool.__name__ = tool.__qualname__ = stub.name
    tool.__doc__ = f"{stub.name}{stub.signature}\n\n{stub.description}"
    tool.__module__ = "tools"
    return tool


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _later(calls: Calls, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return calls.call(name, args, kwargs)
