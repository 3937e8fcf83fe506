"""One reply of the model, put together from whatever the endpoint sends.

The client builds its chunk objects without validating them, so a chunk may hold None, a number or a list where the
chat-completions API has an object. Everything is read through `part`, which gives None for what is not there; what is
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


class ReplyFailed(Exception):
    """The endpoint said in the middle of a reply that it failed; `code` is its own word for why."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


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
        self.count(part(chunk, "usage"), "prompt_tokens", "completion_tokens")
        choices = part(chunk, "choices")
        choice = choices[0] if isinstance(choices, list | tuple) and choices else None
        if choice is None:
            return []
        self.saw_choice = True
        self.end(text(choice, "finish_reason"))
        # A stream brings `delta`, a whole completion `message`, the oldest servers `text`.
        piece = part(choice, "delta")
        if piece is None:
            piece = part(choice, "message")
        # `reasoning_content` is DeepSeek's and vLLM's name for it, `reasoning` OpenRouter's and Ollama's.
        pieces = self.add("reasoning", text(piece, "reasoning_content") or text(piece, "reasoning"))
        pieces += self.add("content", text(piece, "content") or text(piece, "refusal") or text(choice, "text"))
        calls = part(piece, "tool_calls")
        for position, call in enumerate(calls if isinstance(calls, list | tuple) else ()):
            index = part(call, "index")
            function = part(call, "function")
            # A whole completion numbers its calls by their place only.
            key = index if isinstance(index, int) else position
            pieces += self.add_arguments(key, text(call, "id"), text(function, "name"), text(function, "arguments"))
        return pieces

    def add(self, kind: Literal["content", "reasoning"], written: str) -> list[Piece]:
        """A piece of text or of reasoning."""
        if not written:
            return []
        (self._text if kind == "content" else self._reasoning).append(self._counted(written))
        return [(kind, written)]

    def add_arguments(self, key: int, identity: str, name: str, written: str) -> list[Piece]:
        """A piece of a call: its id and name come once, in whichever piece."""
        if key not in self._calls and len(self._calls) >= MAX_TOOL_CALLS:
            raise ReplyTooLong(f"more than {MAX_TOOL_CALLS} tool calls in one reply")
        parts = self._calls.setdefault(key, _CallParts())
        parts.id = parts.id or identity
        parts.name = parts.name or name
        if not written:
            return []
        parts.arguments.append(self._counted(written))
        return [("tool_call", written)]

    def end(self, reason: str) -> None:
        """The endpoint's word for why the reply ended, where it gave one."""
        self._finish = reason or self._finish

    def count(self, usage: Any, prompt: str, completion: str) -> None:
        """The endpoint's count of tokens, where it gave one."""
        if usage is not None:
            self._tokens = (_count(usage, prompt), _count(usage, completion))

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


def encodable(given: str) -> str:
    """The text with lone surrogates replaced: JSON can bring them in, and the next request could not carry them."""
    try:
        given.encode()
    except UnicodeEncodeError:
        return given.encode("utf-8", "replace").decode()
    return given


def part(value: Any, name: str) -> Any:
    """The field of an object or of a mapping; None where there is none."""
    if isinstance(value, Mapping):
        return value.get(name)
    return getattr(value, name, None)


def text(value: Any, name: str) -> str:
    """As `part`, "" for what is no text."""
    field = part(value, name)
    return field if isinstance(field, str) else ""


def _count(value: Any, name: str) -> int:
    field = part(value, name)
    return field if isinstance(field, int) and field > 0 else 0
