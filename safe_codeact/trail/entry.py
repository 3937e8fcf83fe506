"""What one action leaves in the trail: that it was begun, each of its calls before and after, and what came of it.

An action is written down before a worker has it, and a call before its tool runs: what was done and is not in the trail cannot be,
also where the host is killed in the middle. A record without the one that concludes it says exactly that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from safe_codeact.errors import TrailError
from safe_codeact.observation import Artifact, Observation, Outcome, ToolRecord
from safe_codeact.policy.effective import ToolRule
from safe_codeact.trail.forms import RESULT, bounded, form_of, hides_result, redacted, text_of
from safe_codeact.wire.messages import ToolCall, ToolReply

if TYPE_CHECKING:
    from collections.abc import Callable

    Append = Callable[[str, dict[str, Any]], int]

_SOURCE_CHARACTERS = (
    1024 * 1024
)  # no policy allows more (`limits.source_kb`); of what was refused for that, the beginning
_JUDGED = {Outcome.refused: False, Outcome.crashed: None, Outcome.broke_protocol: None}


class ActionEntry:
    """One action's records. Thread-safe, as the trail is."""

    def __init__(
        self, append: Append, settle: Callable[[], None], opened: dict[str, Any], source: str, *, keeps_readings: bool
    ) -> None:
        self._append = append
        self._settle = settle
        self._keeps_readings = keeps_readings
        raw = source.encode("utf-8", "surrogatepass")
        self._number = append(
            "action",
            {
                **opened,
                "sha256": hashlib.sha256(raw).hexdigest(),
                "bytes": len(raw),
                "source": text_of(source, _SOURCE_CHARACTERS),
            },
        )
        self._called: set[int] = set()

    def called(self, call: ToolCall, rule: ToolRule, arguments: Mapping[str, Any]) -> None:
        """A call that is about to be made. Raises `TrailError`: then it must not be made."""
        self._call(call, rule, arguments, approved=rule.approval == "ask")

    def _call(self, call: ToolCall, rule: ToolRule | None, arguments: Mapping[str, Any], *, approved: bool) -> None:
        secret = rule is not None and bool(rule.redact)
        kept, gone = redacted(arguments, rule.redact if rule is not None else ())
        fields = {
            "action": self._number,
            "call": call.call,
            "tool": call.name,
            "arguments": bounded(kept),
            # Of a secret, a digest would tell what it is to whoever can guess it.
            "given": None if secret else digest_of((call.args, call.kwargs)),
            "redacted": gone,
            "approved": approved,
        }
        if not arguments and not secret:
            fields["sent"] = bounded(form_of((call.args, call.kwargs)))  # what did not fit the signature
        self._append("call", fields)
        self._called.add(call.call)

    def answered(self, call: ToolCall, record: ToolRecord, rule: ToolRule | None) -> None:
        """What came of a call; one that was not let through is written down here as well."""
        fields: dict[str, Any] = {
            "action": self._number,
            "call": call.call,
            "outcome": record.outcome,
            "seconds": round(record.seconds, 6),
            **record.reply,
        }
        try:
            if call.call not in self._called:
                self._call(call, rule, record.arguments, approved=False)
            self._append("reply", fields)
        except TrailError:
            return  # the trail has failed, and says so when the action is concluded

    def observed(
        self, observation: Observation, seed: bytes = b"", readings: Sequence[float] | None = None
    ) -> Observation:
        """What came of the action, and what it read of chance and clocks; None: of those, too often. Raises `TrailError`."""
        fields = {"action": self._number, **observation_fields(observation)}
        if self._keeps_readings and seed and observation.outcome is not Outcome.refused:
            fields["seed"] = seed.hex()
            fields["readings"] = None if readings is None else bounded(list(readings))
        self._append("observation", fields)
        self._settle()
        return observation


class Unrecorded:
    """The entry of an action in a runtime without a trail."""

    def called(self, call: ToolCall, rule: ToolRule, arguments: Mapping[str, Any]) -> None:
        """Nothing."""

    def answered(self, call: ToolCall, record: ToolRecord, rule: ToolRule | None) -> None:
        """Nothing."""

    def observed(
        self, observation: Observation, seed: bytes = b"", readings: Sequence[float] | None = None
    ) -> Observation:
        """The observation."""
        return observation


Entry = ActionEntry | Unrecorded


def told(reply: ToolReply, rule: ToolRule | None) -> dict[str, Any]:
    """What an action was told of its call, as it is written down: without what the rule redacts, a large result by its digest."""
    hidden = rule is not None and hides_result(rule.redact)
    fields: dict[str, Any] = {"redacted": [RESULT]} if hidden else {}
    if reply.error_type:
        fields["error"] = {"type": reply.error_type, "message": None if hidden else text_of(reply.error_message)}
    elif not hidden:
        fields |= {"result": bounded(form_of(reply.value)), "is_record": reply.is_record}
    return fields


def digest_of(given: object) -> str:
    """SHA-256 of a value's form: equal for what an action sends twice."""
    text = json.dumps(form_of(given), ensure_ascii=True, allow_nan=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def observation_fields(observation: Observation) -> dict[str, Any]:
    """An observation as the trail has it: texts bounded, artifacts by digest."""
    error = observation.error
    return {
        "outcome": observation.outcome.value,
        "allowed": _JUDGED.get(observation.outcome, True),
        "findings": [
            {
                "code": each.code,
                "name": each.name,
                "line": each.line,
                "column": each.column,
                "message": each.message,
                "hint": each.hint,
            }
            for each in observation.findings
        ],
        "stdout": text_of(observation.stdout),
        "stderr": text_of(observation.stderr),
        "value": None if observation.value is None else text_of(observation.value),
        "error": None
        if error is None
        else {
            "type": error.type,
            "message": text_of(error.message),
            "line": error.line,
            "traceback": text_of(error.traceback),
        },
        "artifacts": [_artifact(each) for each in observation.artifacts],
        "not_kept": dict(observation.not_kept),
        "rollback": observation.rollback,
        "final_answer": bounded(form_of(observation.final_answer)),
        "calls": len(observation.tool_calls),
        "usage": {
            "wall_seconds": round(observation.usage.wall_seconds, 6),
            "cpu_seconds": round(observation.usage.cpu_seconds, 6),
            "peak_memory_bytes": observation.usage.peak_memory_bytes,
            "output_bytes": observation.usage.output_bytes,
            "queued_seconds": round(observation.usage.queued_seconds, 6),
        },
    }


def _artifact(artifact: Artifact) -> dict[str, Any]:
    return {
        "name": artifact.name,
        "media_type": artifact.media_type,
        "bytes": len(artifact.data),
        "sha256": hashlib.sha256(artifact.data).hexdigest(),
    }
