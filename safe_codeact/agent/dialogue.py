"""The loop without its I/O: which message follows which, and when a run is over.

Both agents drive one `Dialogue`: they ask the model, hand the reply to `take`, run the action that comes out of it, and
hand the observation to `observe`. A turn is one reply of the model, whatever it held.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from safe_codeact.agent.context import fold, observation_messages
from safe_codeact.agent.events import (
    ActionProposed,
    AgentResult,
    AnswerReady,
    ModelUsage,
    ObservationReady,
    ReplyReturned,
    StoppedBy,
)
from safe_codeact.agent.extract import extract
from safe_codeact.agent.repetition import Repetition
from safe_codeact.agent.reply import Reply, encodable

if TYPE_CHECKING:
    from safe_codeact import Artifact, Observation

_NO_REPLY = "(empty reply)"


class Dialogue:
    """One run's conversation and its count of turns."""

    def __init__(self, *, system: str, task: str, max_turns: int, context_tokens: int) -> None:
        self._messages: list[Mapping[str, Any]] = [
            {"role": "system", "content": system},
            {"role": "user", "content": encodable(task)},
        ]
        self._max_turns = max_turns
        self._context_tokens = context_tokens
        self._observed: list[int] = []  # where the observations are in `_messages`
        self._observations: list[Observation] = []
        self._open_calls: list[str] = []
        self._usage = ModelUsage()
        self._thought = ""
        self._source = ""
        self._repetition = Repetition()
        self.turn = 1

    def messages(self) -> list[Mapping[str, Any]]:
        """What to send for the next reply."""
        return fold(self._messages, self._observed, self._context_tokens)

    def take(self, reply: Reply) -> ActionProposed | ReplyReturned | AnswerReady:
        """The model has replied. A proposed action must be run and handed to `observe`."""
        self._usage = ModelUsage(
            requests=self._usage.requests + 1,
            prompt_tokens=self._usage.prompt_tokens + reply.prompt_tokens,
            completion_tokens=self._usage.completion_tokens + reply.completion_tokens,
        )
        reading = extract(reply)
        self._messages.append(self._assistant_message(reply))
        self._thought = "\n\n".join(part for part in (reply.reasoning.strip(), reading.thought) if part)
        if reading.kind == "answer":
            return self._end(reading.answer, "answer")
        if reading.kind == "action":
            self._source = reading.source
            return ActionProposed(
                turn=self.turn,
                thought=self._thought,
                source=reading.source,
                format=reading.format.value,
                blocks=reading.blocks,
            )
        self._tell(reading.reason)
        return ReplyReturned(turn=self.turn, text=reply.text, reason=reading.reason)

    def observe(self, observation: Observation) -> ObservationReady:
        """The proposed action has ended."""
        self._observations.append(observation)
        self._messages.extend(observation_messages(observation, self._open_calls))
        self._observed.append(len(self._messages) - 1)
        self._repetition.note(self._source, observation)
        hint = self._repetition.hint
        if hint:
            last = self._messages[-1]
            self._messages[-1] = {**last, "content": f"{last['content']}\n\n{hint}"}
        return ObservationReady(turn=self.turn, observation=observation, hint=hint)

    def next_turn(self) -> AnswerReady | None:
        """To be called after `observe`, and after a returned reply: the end, or None when the model is to be asked."""
        if self._observations and self._observations[-1].final_answer is not None:
            return self._end(self._observations[-1].final_answer, "answer")
        if self._repetition.is_over:
            return self._end(None, "repetition")
        if self.turn >= self._max_turns:
            return self._end(None, "max_turns")
        self.turn += 1
        return None

    def _end(self, answer: Any, stopped_by: StoppedBy) -> AnswerReady:
        result = AgentResult(
            answer=answer,
            turns=self.turn,
            messages=tuple(self._messages),
            stopped_by=stopped_by,
            artifacts=_last_versions(self._observations),
            observations=tuple(self._observations),
            usage=self._usage,
        )
        return AnswerReady(turn=self.turn, answer=answer, stopped_by=stopped_by, thought=self._thought, result=result)

    def _assistant_message(self, reply: Reply) -> Mapping[str, Any]:
        self._open_calls = []
        if not reply.tool_calls:
            return {"role": "assistant", "content": reply.text or _NO_REPLY}
        calls = []
        for number, call in enumerate(reply.tool_calls, start=1):
            identity = call.id or f"call_{self.turn}_{number}"
            self._open_calls.append(identity)
            function = {"name": call.name or "run_python", "arguments": _as_json(call.arguments)}
            calls.append({"id": identity, "type": "function", "function": function})
        return {"role": "assistant", "content": reply.text, "tool_calls": calls}

    def _tell(self, reason: str) -> None:
        if not self._open_calls:
            self._messages.append({"role": "user", "content": reason})
        for call in self._open_calls:
            self._messages.append({"role": "tool", "tool_call_id": call, "content": reason})


def _as_json(arguments: str) -> str:
    """A call's arguments as the endpoint can read them back: servers parse the conversation's calls, and fail on text
    that is no JSON object, even where their own model wrote it."""
    try:
        if isinstance(json.loads(arguments), dict):
            return arguments
    except (ValueError, RecursionError):
        pass
    return json.dumps({"code": arguments})


def _last_versions(observations: list[Observation]) -> tuple[Artifact, ...]:
    versions: dict[str, Artifact] = {}
    for observation in observations:
        for artifact in observation.artifacts:
            versions[artifact.name] = artifact
    return tuple(versions.values())
