"""The loop without its I/O: which message follows which, and when a run is over.

Both agents drive one `Dialogue`: they ask the model, hand the reply to `take`, run the action that comes out of it, and
hand the observation to `observe`. A turn is one reply of the model, whatever it held.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from safe_codeact.agent.budget import Budgets, Meter
from safe_codeact.agent.context import Context, Fold, observation_messages
from safe_codeact.agent.events import (
    ActionProposed,
    AgentResult,
    AnswerReady,
    ContextFolded,
    ModelUsage,
    ObservationReady,
    ReplyReturned,
    Setting,
    Step,
    StoppedBy,
)
from safe_codeact.agent.extract import Reading, extract
from safe_codeact.agent.repetition import Repetition
from safe_codeact.agent.reply import Reply

if TYPE_CHECKING:
    from safe_codeact import Artifact, Observation, Variable

_NO_REPLY = "(empty reply)"


class Dialogue:
    """One run's conversation, its budgets and its steps. The clock starts when it is made."""

    def __init__(
        self, *, context: Context, budgets: Budgets, setting: Setting, read: Callable[[Reply], Reading] = extract
    ) -> None:
        self._context = context
        self._read = read
        self._setting = setting
        self.meter = Meter(budgets)
        self._steps: list[Step] = []
        self._folds: list[tuple[int, Fold]] = []
        self._open_calls: list[str] = []
        self._usage = ModelUsage()
        self._repetition = Repetition()
        self.turn = 1

    def messages(self) -> list[Mapping[str, Any]]:
        """What to send for the next reply."""
        return self._context.messages()

    def must_fold(self) -> bool:
        """Whether `fold` is to be called before the next request."""
        return self._context.is_too_long()

    def fold(self, variables: Sequence[Variable]) -> ContextFolded:
        """Makes room in the conversation; `variables` are those that the session has now."""
        fold = self._context.fold(variables)
        self._folds.append((self.turn, fold))
        return ContextFolded(turn=self.turn, fold=fold)

    def take(self, reply: Reply) -> ActionProposed | ReplyReturned | AnswerReady:
        """The model has replied. A proposed action must be run and handed to `observe`."""
        self.meter.note_reply(reply, self._context.size())
        self._usage = ModelUsage(
            requests=self._usage.requests + 1,
            prompt_tokens=self._usage.prompt_tokens + reply.prompt_tokens,
            completion_tokens=self._usage.completion_tokens + reply.completion_tokens,
        )
        reading = self._read(reply)
        self._context.add_reply(self._assistant_message(reply))
        thought = "\n\n".join(part for part in (reply.reasoning.strip(), reading.thought) if part)
        step = Step(turn=self.turn, kind=reading.kind, format=reading.format.value, thought=thought)
        if reading.kind == "answer":
            self._steps.append(replace(step, text=reading.answer))
            return self._end(reading.answer, "answer")
        if reading.kind == "action":
            self._steps.append(replace(step, source=reading.source))
            return ActionProposed(
                turn=self.turn, thought=thought, source=reading.source, format=step.format, blocks=reading.blocks
            )
        self._steps.append(replace(step, text=reply.text, reason=reading.reason))
        self._tell(reading.reason)
        return ReplyReturned(turn=self.turn, text=reply.text, reason=reading.reason)

    def observe(self, observation: Observation) -> ObservationReady:
        """The proposed action has ended."""
        self.meter.note_observation(observation)
        self._repetition.note(self._steps[-1].source, observation)
        hint = self._repetition.hint
        self._steps[-1] = replace(self._steps[-1], observation=observation, hint=hint)
        self._context.add_answers(observation_messages(observation, self._open_calls, hint))
        return ObservationReady(turn=self.turn, observation=observation, hint=hint)

    def next_turn(self) -> AnswerReady | None:
        """To be called after `observe`, and after a returned reply: the end, or None when the model is to be asked."""
        last = self._steps[-1].observation
        if last is not None and last.final_answer is not None:
            return self._end(last.final_answer, "answer")
        if last is not None and last.outcome == "suspended":
            return self._end(None, "suspended")
        if self._repetition.is_over:
            return self._end(None, "repetition")
        over = self.meter.over(self.turn)
        if over is not None:
            return self._end(None, over)
        self.turn += 1
        return None

    def out_of_time(self) -> AnswerReady:
        """The end, where the time is up in the middle of a turn."""
        return self._end(None, "max_seconds")

    def _end(self, answer: Any, stopped_by: StoppedBy) -> AnswerReady:
        observations = [step.observation for step in self._steps if step.observation is not None]
        result = AgentResult(
            answer=answer,
            turns=self.turn,
            messages=self._context.whole(),
            stopped_by=stopped_by,
            artifacts=_last_versions(observations),
            observations=tuple(observations),
            usage=self._usage,
            spent=self.meter.spent(self.turn),
            steps=tuple(self._steps),
            folds=tuple(self._folds),
            setting=self._setting,
        )
        thought = self._steps[-1].thought if self._steps else ""
        return AnswerReady(turn=self.turn, answer=answer, stopped_by=stopped_by, thought=thought, result=result)

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
            self._context.add_answers([{"role": "user", "content": reason}])
            return
        self._context.add_answers(
            [{"role": "tool", "tool_call_id": call, "content": reason} for call in self._open_calls]
        )


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
