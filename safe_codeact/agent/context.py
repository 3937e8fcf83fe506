"""The conversation as the endpoint is shown it: roles, sizes, and what is folded away when it grows too long.

Old turns may go because what they made lives on in the session's variables, which are described anew where turns are
left out. Folding is deterministic, so that the same run sends the same requests; it never touches the system message
or the task, and of the last turns it never drops one. It goes well below the limit at once: between two folds the
conversation only grows at its end, so that an endpoint's prompt cache keeps what it has. What still gets past the
limit: a task that alone is longer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from safe_codeact.agent.budget import BYTES_PER_TOKEN
from safe_codeact.agent.reply import encodable

if TYPE_CHECKING:
    from safe_codeact import Observation, Variable

Message = Mapping[str, Any]

OBSERVATION_PREFIX = "Observation:\n"
# One observation's share of the context, head and tail kept; and no more than this, however large the context is.
MAX_OBSERVATION_CHARACTERS = 20_000
_OBSERVATION_SHARE = 6
_FOLDED_CHARACTERS = 400
KEPT_TURNS = 3
# A fold goes down to this part of the limit; folding at each turn would change the prefix at each turn.
_FOLD_TO = 0.6
_VARIABLES_SHARE = 8
_PREVIEW_CHARACTERS = 80
_LEFT_OUT = "[The first {turns} of your turns are left out here to save room. "
_SHORTENED = "[Earlier observations are shortened here to save room. "
_LIVES_ON = "What they made is in the session still{colon}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """What one folding did: in all so far, how many turns are left out; now, how many observations were cut."""

    turns_left_out: int
    observations_cut: int
    tokens_before: int  # by size: about 3 bytes each
    tokens_after: int
    note: str  # what the model is told, with the session's variables


@dataclass(slots=True)
class _Turn:
    messages: list[Message]
    is_cut: bool = False


class Context:
    """One run's messages: all of them (`whole`), and those to be sent (`messages`)."""

    def __init__(self, *, system: str, task: str, max_tokens: int) -> None:
        self._head: list[Message] = [
            {"role": "system", "content": system},
            {"role": "user", "content": encodable(task)},
        ]
        self._limit = max_tokens * BYTES_PER_TOKEN
        self._share = min(MAX_OBSERVATION_CHARACTERS, self._limit // _OBSERVATION_SHARE)
        self._whole = list(self._head)
        self._turns: list[_Turn] = []
        self._left_out = 0
        self._note = ""

    def add_reply(self, message: Message) -> None:
        """The model's message: a turn begins."""
        self._whole.append(message)
        self._turns.append(_Turn([message]))

    def add_answers(self, messages: Sequence[Message]) -> None:
        """What the model is told in return."""
        self._whole.extend(messages)
        self._turns[-1].messages.extend(_cut(message, self._share) for message in messages)

    def whole(self) -> tuple[Message, ...]:
        """The conversation as it was, nothing left out."""
        return tuple(self._whole)

    def messages(self) -> list[Message]:
        """What to send."""
        system, task = self._head
        if self._note:
            task = {**task, "content": f"{task['content']}\n\n{self._note}"}
        return [system, task, *(message for turn in self._turns for message in turn.messages)]

    def size(self) -> int:
        """Of what is to be sent, in bytes."""
        return sum(map(_size, self.messages()))

    def is_too_long(self) -> bool:
        """Whether `fold` is to be called before the next request."""
        return self.size() > self._limit and len(self._turns) > 0

    def fold(self, variables: Sequence[Variable]) -> Fold:
        """Makes room: old observations are cut, then old turns left out, until the conversation is well below its limit."""
        before = self.size()
        aim = int(self._limit * _FOLD_TO)
        self._note = self._written_note(variables)
        cut = self._cut_old(before - aim)
        if self.size() > aim:
            self._leave_out(aim)
            self._note = self._written_note(variables)
        if self.size() > self._limit:
            self._squeeze()
        return Fold(
            turns_left_out=self._left_out,
            observations_cut=cut,
            tokens_before=before // BYTES_PER_TOKEN,
            tokens_after=self.size() // BYTES_PER_TOKEN,
            note=self._note,
        )

    def _cut_old(self, excess: int) -> int:
        count = 0
        for turn in self._turns[:-KEPT_TURNS]:
            if excess <= 0:
                break
            if turn.is_cut:
                continue
            for place, message in enumerate(turn.messages[1:], start=1):
                shorter = _cut(message, _FOLDED_CHARACTERS)
                excess -= _size(message) - _size(shorter)
                turn.messages[place] = shorter
                count += shorter is not message
            turn.is_cut = True
        return count

    def _leave_out(self, aim: int) -> None:
        excess = self.size() - aim
        while excess > 0 and len(self._turns) > KEPT_TURNS:
            excess -= sum(map(_size, self._turns.pop(0).messages))
            self._left_out += 1

    def _squeeze(self) -> None:
        """The last turns alone are too long: each message gets an equal share of the room, none is lost."""
        count = sum(len(turn.messages) for turn in self._turns)
        taken = sum(map(_size, self.messages()[:2]))
        share = max((self._limit - taken) // max(count, 1) // 2, _FOLDED_CHARACTERS)
        for turn in self._turns:
            turn.messages[:] = [_cut(message, share) for message in turn.messages]

    def _written_note(self, variables: Sequence[Variable]) -> str:
        opening = _LEFT_OUT.format(turns=self._left_out) if self._left_out else _SHORTENED
        lines = described(variables, self._limit // _VARIABLES_SHARE)
        return "\n".join([opening + _LIVES_ON.format(colon=":" if lines else "."), *lines])


def described(variables: Sequence[Variable], most_bytes: int) -> list[str]:
    """A line for each variable while there is room, then names, then how many more there are."""
    lines: list[str] = []
    room = most_bytes
    for number, variable in enumerate(variables):
        preview = " ".join(encodable(variable.preview).split())
        line = f"- {variable.name}: {variable.type} = {cut_end(preview, _PREVIEW_CHARACTERS)}"
        room -= len(line.encode()) + 1
        if room < 0:
            names = [variable.name for variable in variables[number:]]
            return [*lines, f"- and {cut_end(', '.join(names), max(most_bytes // 4, 100))} ({len(names)} more)"]
        lines.append(line)
    return lines


def observation_text(observation: Observation) -> str:
    """What the model is shown of an observation."""
    text = encodable(observation.text).strip() or "(the action ran and printed nothing)"
    return cut_middle(text, MAX_OBSERVATION_CHARACTERS)


def observation_messages(observation: Observation, call_ids: Sequence[str], hint: str = "") -> list[Message]:
    """The messages that answer an action: one per tool call where it came as tool calls, else a user message."""
    text = observation_text(observation) + (f"\n\n{hint}" if hint else "")
    if not call_ids:
        return [{"role": "user", "content": OBSERVATION_PREFIX + text}]
    # Each call must be answered; they ran as one action, so the last one brings the observation of all.
    earlier = [
        {"role": "tool", "tool_call_id": call, "content": "(run together with the last call; see there)"}
        for call in call_ids[:-1]
    ]
    return [*earlier, {"role": "tool", "tool_call_id": call_ids[-1], "content": text}]


def cut_middle(text: str, limit: int) -> str:
    """At most about `limit` characters of `text`: its head and its tail, and between them how much is missing."""
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    tail = limit - head
    return f"{text[:head]}\n[… {len(text) - limit} characters left out …]\n{text[-tail:]}"


def cut_end(text: str, limit: int) -> str:
    """At most `limit` characters and a mark that there were more."""
    return text if len(text) <= limit else f"{text[:limit].rstrip()} …"


def _cut(message: Message, limit: int) -> Message:
    """The message with at most about `limit` characters of text; the message itself where it has no more."""
    made = dict(message)
    content = message.get("content")
    if isinstance(content, str):
        made["content"] = cut_middle(content, limit)
    if message.get("tool_calls"):
        made["tool_calls"] = [_cut_call(call, limit) for call in message["tool_calls"]]
    return message if made == message else made


def _cut_call(call: Mapping[str, Any], limit: int) -> Mapping[str, Any]:
    """Servers parse the calls of the conversation: what is left of the arguments must be JSON."""
    function = call["function"]
    if len(function["arguments"]) <= limit:
        return call
    return {
        **call,
        "function": {**function, "arguments": json.dumps({"code": cut_middle(function["arguments"], limit)})},
    }


def _size(message: Message) -> int:
    calls = message.get("tool_calls") or ()
    return len(str(message.get("content") or "").encode()) + sum(len(str(call).encode()) for call in calls)
