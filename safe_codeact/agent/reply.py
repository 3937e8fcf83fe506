"""One reply of the model, put together from whatever the endpoint sends.

The client builds its chunk objects without validating them, so a chunk may hold None, a number or a list where the
chat-completions API has an object. Everything is read through `_part`, which gives None for what is not there; what is
there and of the wrong type is dropped, never trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# Four times the longest reply of today's models (128,000 tokens). Past it the endpoint is not talking sense.
MAX_REPLY_CHARACTERS = 2_000_000
MAX_TOOL_CALLS = 64

Piece = tuple[Literal["content", "reasoning", "tool_call"], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallText:
    """A tool call as the model wrote it: `arguments` is its text, which need not be JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole reply. `finish` is the endpoint's `finish_reason`, "stop" where a whole completion gave none."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallText, ...] = ()
    finish: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0


class ReplyTooLong(Exception):
    """More than `MAX_REPLY_CHARACTERS`, or more than `MAX_TOOL_CALLS`, in one reply."""


@dataclass(slots=True)
class _CallParts:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class ReplyAssembler:
    """Takes chunks (or one whole completion) in; `finish()` gives the reply. Raises `ReplyTooLong`."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, _CallParts] = {}
        self._finish = ""
        self._tokens = (0, 0)
        self._characters = 0
        self.saw_choice = False

    @property
    def finished(self) -> bool:
        """A `finish_reason` came."""
        return bool(self._finish)

    def feed(self, chunk: Any) -> list[Piece]:
        """Takes one chunk; gives back what a reader would want to see of it."""
        usage = _part(chunk, "usage")
        if usage is not None:
            self._tokens = (_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))
        choices = _part(chunk, "choices")
        choice = choices[0] if isinstance(choices, list | tuple) and choices else None
        if choice is None:
            return []
        self.saw_choice = True
        finish = _part(choice, "finish_reason")
        if isinstance(finish, str) and finish:
            self._finish = finish
        # A stream brings `delta`, a whole completion `message`, the oldest servers `text`.
        part = _part(choice, "delta")
        if part is None:
            part = _part(choice, "message")
        pieces: list[Piece] = []
        self._add_text(part, choice, pieces)
        self._add_calls(_part(part, "tool_calls"), pieces)
        return pieces

    def _add_text(self, part: Any, choice: Any, pieces: list[Piece]) -> None:
        # `reasoning_content` is DeepSeek's and vLLM's name for it, `reasoning` OpenRouter's and Ollama's.
        reasoning = _text(part, "reasoning_content") or _text(part, "reasoning")
        if reasoning:
            self._reasoning.append(self._counted(reasoning))
            pieces.append(("reasoning", reasoning))
        content = _text(part, "content") or _text(part, "refusal") or _text(choice, "text")
        if content:
            self._text.append(self._counted(content))
            pieces.append(("content", content))

    def _add_calls(self, calls: Any, pieces: list[Piece]) -> None:
        if not isinstance(calls, list | tuple):
            return
        for position, call in enumerate(calls):
            index = _part(call, "index")
            # A whole completion numbers its calls by their place only.
            key = index if isinstance(index, int) else position
            if key not in self._calls and len(self._calls) >= MAX_TOOL_CALLS:
                raise ReplyTooLong(f"more than {MAX_TOOL_CALLS} tool calls in one reply")
            parts = self._calls.setdefault(key, _CallParts())
            function = _part(call, "function")
            parts.id = parts.id or _text(call, "id")
            parts.name = parts.name or _text(function, "name")
            arguments = _text(function, "arguments")
            if arguments:
                parts.arguments.append(self._counted(arguments))
                pieces.append(("tool_call", arguments))

    def _counted(self, text: str) -> str:
        self._characters += len(text)
        if self._characters > MAX_REPLY_CHARACTERS:
            raise ReplyTooLong(f"more than {MAX_REPLY_CHARACTERS:,} characters in one reply")
        return text

    def finish(self) -> Reply:
        """The reply as far as it came. Without a `finish_reason` it counts as whole; who streams asks `finished`."""
        calls = [self._calls[key] for key in sorted(self._calls)]
        return Reply(
            text=encodable("".join(self._text)),
            reasoning=encodable("".join(self._reasoning)),
            tool_calls=tuple(
                ToolCallText(
                    id=encodable(call.id), name=encodable(call.name), arguments=encodable("".join(call.arguments))
                )
                for call in calls
            ),
            finish=self._finish or "stop",
            prompt_tokens=self._tokens[0],
            completion_tokens=self._tokens[1],
        )


def encodable(text: str) -> str:
    """The text with lone surrogates replaced: JSON can bring them in, and the next request could not carry them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _part(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name)
    return getattr(value, name, None)


def _text(value: Any, name: str) -> str:
    part = _part(value, name)
    return part if isinstance(part, str) else ""


def _count(value: Any, name: str) -> int:
    part = _part(value, name)
    return part if isinstance(part, int) and part > 0 else 0
