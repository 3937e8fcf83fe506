"""The conversation as the endpoint is shown it: roles, sizes, and what is folded away when it grows too long.

Observations are the model's only large input, and they may be cut: what they showed lives on in the session's
variables. Folding is deterministic, so that the same run sends the same requests, and it never touches the system
message, the task, or the last observations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from safe_codeact.agent.reply import encodable

if TYPE_CHECKING:
    from safe_codeact import Observation

Message = Mapping[str, Any]

OBSERVATION_PREFIX = "Observation:\n"
# One observation's share of the context, head and tail kept.
MAX_OBSERVATION_CHARACTERS = 20_000
_FOLDED_CHARACTERS = 400
_UNFOLDED_OBSERVATIONS = 2
# English prose has about 4 characters to a token, code and numbers fewer.
_CHARACTERS_PER_TOKEN = 3


def observation_text(observation: Observation) -> str:
    """What the model is shown of an observation."""
    text = encodable(observation.text).strip() or "(the action ran and printed nothing)"
    return cut_middle(text, MAX_OBSERVATION_CHARACTERS)


def observation_messages(observation: Observation, call_ids: Sequence[str]) -> list[Message]:
    """The messages that answer an action: one per tool call where it came as tool calls, else a user message."""
    text = observation_text(observation)
    if not call_ids:
        return [{"role": "user", "content": OBSERVATION_PREFIX + text}]
    # Each call must be answered; they ran as one action, so the last one brings the observation of all.
    earlier = [
        {"role": "tool", "tool_call_id": call, "content": "(run together with the last call; see there)"}
        for call in call_ids[:-1]
    ]
    return [*earlier, {"role": "tool", "tool_call_id": call_ids[-1], "content": text}]


def fold(messages: Sequence[Message], observations: Sequence[int], max_tokens: int) -> list[Message]:
    """The messages to send: as they are while they fit; else old observations are cut, oldest first, until they do.

    `observations` are the places of the observations in `messages`, in order.
    """
    kept = list(messages)
    excess = sum(_size(message) for message in kept) - max_tokens * _CHARACTERS_PER_TOKEN
    for place in observations[:-_UNFOLDED_OBSERVATIONS]:
        if excess <= 0:
            break
        text = str(kept[place]["content"])
        folded = cut_middle(text, _FOLDED_CHARACTERS)
        excess -= len(text) - len(folded)
        kept[place] = {**kept[place], "content": folded}
    return kept


def cut_middle(text: str, limit: int) -> str:
    """At most about `limit` characters of `text`: its head and its tail, and between them how much is missing."""
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    tail = limit - head
    return f"{text[:head]}\n[… {len(text) - limit} characters left out …]\n{text[-tail:]}"


def _size(message: Message) -> int:
    calls = message.get("tool_calls") or ()
    return len(str(message.get("content") or "")) + sum(len(str(call)) for call in calls)
