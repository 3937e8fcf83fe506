"""The Responses API: the same conversation in its items, and its events put together to the same `Reply`.

Nothing is stored at the endpoint (`store: false`) and the whole conversation is sent each time, as over chat
completions: the loop's own messages stay the only state of a run, so that folding and trajectories hold for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from safe_codeact.agent.reply import Piece, ReplyAssembler, ReplyFailed, part, text

# Types of events whose `delta` is a piece of the reply.
_DELTAS = {
    "response.output_text.delta": "content",
    "response.refusal.delta": "content",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
}
_ENDS = frozenset({"response.completed", "response.incomplete"})


def input_items(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages of a chat as input items: a call and its output are items of their own."""
    items: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "tool":
            output = {"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}
            items.append(output)
            continue
        if message.get("content"):
            items.append({"role": message["role"], "content": message["content"]})
        for call in message.get("tool_calls") or ():
            items.append({"type": "function_call", "call_id": call["id"], **call["function"]})
    return items


def flat_tools(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with the tools of a chat as this API has them: without the `function` around."""
    made = dict(options)
    if isinstance(made.get("tools"), Sequence):
        made["tools"] = [
            {"type": "function", **tool["function"]} if isinstance(part(tool, "function"), Mapping) else tool
            for tool in made["tools"]
        ]
    return made


class ResponsesAssembler(ReplyAssembler):
    """Takes events (or one whole response) in. Raises `ReplyTooLong`, and `ReplyFailed` for a failure that is told."""

    def feed(self, chunk: Any) -> list[Piece]:
        """As `ReplyAssembler.feed`."""
        kind = text(chunk, "type")
        if text(chunk, "object") == "response":
            return self._whole(chunk)
        if kind in _DELTAS:
            self.saw_choice = True
            return self.add("reasoning" if _DELTAS[kind] == "reasoning" else "content", text(chunk, "delta"))
        if kind in ("response.output_item.added", "response.output_item.done"):
            self._item(part(chunk, "item"), part(chunk, "output_index"))
        elif kind == "response.function_call_arguments.delta":
            return self.add_arguments(_key(part(chunk, "output_index")), "", "", text(chunk, "delta"))
        elif kind in _ENDS:
            self._end(part(chunk, "response"))
        elif kind == "response.failed":
            raise _failure(part(part(chunk, "response"), "error"))
        elif kind == "error":
            raise _failure(chunk)
        return []

    def _item(self, item: Any, index: Any) -> None:
        self.saw_choice = True
        if text(item, "type") == "function_call":
            self.add_arguments(_key(index), text(item, "call_id"), text(item, "name"), "")

    def _whole(self, response: Any) -> list[Piece]:
        error = part(response, "error")
        if text(response, "status") == "failed" or text(error, "message"):
            raise _failure(error)
        pieces: list[Piece] = []
        output = part(response, "output")
        for index, item in enumerate(output if isinstance(output, list | tuple) else ()):
            self._item(item, index)
            content = part(item, "content")
            for piece in content if isinstance(content, list | tuple) else ():
                kind: Literal["content", "reasoning"] = "reasoning" if text(item, "type") == "reasoning" else "content"
                pieces.extend(self.add(kind, text(piece, "text") or text(piece, "refusal")))
            if text(item, "type") == "function_call":
                pieces.extend(self.add_arguments(_key(index), "", "", text(item, "arguments")))
        self._end(response)
        return pieces

    def _end(self, response: Any) -> None:
        self.saw_choice = True
        reason = text(part(response, "incomplete_details"), "reason")
        self.end({"max_output_tokens": "length", "": "stop"}.get(reason, reason))
        self.count(part(response, "usage"), "input_tokens", "output_tokens")


def _key(index: Any) -> int:
    return index if isinstance(index, int) else 0


def _failure(error: Any) -> ReplyFailed:
    return ReplyFailed(text(error, "message") or "no reason given", text(error, "code"))
