"""What came back from one action: the only thing a user of a session needs to look at."""

from __future__ import annotations

import base64
import hashlib
import html
from dataclasses import field
from enum import Enum
from typing import Any

from safe_codeact.frozen import dataclass
from safe_codeact.gate.report import Finding


class Outcome(str, Enum):  # noqa: UP042 - the contract says an enum of strings; StrEnum would change repr
    """How an action ended. Each value names the state of the session afterwards in `Observation`'s docstring."""

    completed = "completed"
    raised = "raised"
    refused = "refused"
    timed_out = "timed_out"
    memory_exceeded = "memory_exceeded"
    output_exceeded = "output_exceeded"
    workspace_exceeded = "workspace_exceeded"
    forbidden_syscall = "forbidden_syscall"
    crashed = "crashed"
    broke_protocol = "broke_protocol"
    suspended = "suspended"
    diverged = "diverged"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReport:
    """The action's own exception: `type` is the class name, `line` the action's line (1-based) or None.

    For `forbidden_syscall` there was none: `type` is "ForbiddenSystemCall", and `message` names the call where it is known.
    """

    type: str
    message: str
    traceback: str
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRecord:
    """One tool call as the host saw it. `outcome`: "returned", "raised", "rejected" or "timed_out".

    `reply` is what the action was told, in the form in which a trail has it: `result` or `error`, at most 64 KiB, and
    without what the policy redacts.
    """

    name: str
    arguments: dict[str, Any]
    outcome: str
    seconds: float
    reply: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A plot shown, or a file that the action wrote. `name` is relative to the workspace; `data` is its bytes.

    `media_type` follows from the name's ending. `digest` is the SHA-256 of the data, in hex.
    """

    name: str
    media_type: str
    data: bytes

    @property
    def size_bytes(self) -> int:
        """How long the data is."""
        return len(self.data)

    @property
    def digest(self) -> str:
        """SHA-256 of the data, in hex."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Seconds are floats, memory and output are bytes. `queued_seconds` is the wait for a worker."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    output_bytes: int = 0
    queued_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One action's result.

    State afterwards: kept for `completed` and `raised` (as in a notebook), and for `timed_out` and `memory_exceeded`
    where an exception inside the action ended it; unchanged for every other outcome. `rollback` says why it is unchanged
    although it would have been kept: too large, no room in the store, the disk; "" where it is as the outcome says.
    """

    outcome: Outcome
    stdout: str = ""
    stderr: str = ""
    value: str | None = None
    error: ErrorReport | None = None
    findings: tuple[Finding, ...] = ()
    tool_calls: tuple[ToolRecord, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    not_kept: dict[str, str] = field(default_factory=dict)
    rollback: str = ""
    usage: Usage = field(default_factory=Usage)
    final_answer: Any = None
    text: str = ""

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        """In a notebook of the host: the text, as text. No markup of an action's is ever shown as markup."""
        return f"<pre>{html.escape(self.text)}</pre>"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for `json.dumps`: artifacts' bytes are base64 text, `final_answer` is as the action gave it."""
        return {
            "outcome": self.outcome.value,
            "stdout": self.stdout,
            "stderr": self.stderr,
            "value": self.value,
            "error": None
            if self.error is None
            else {
                "type": self.error.type,
                "message": self.error.message,
                "traceback": self.error.traceback,
                "line": self.error.line,
            },
            "findings": [
                {
                    "code": finding.code,
                    "name": finding.name,
                    "line": finding.line,
                    "column": finding.column,
                    "message": finding.message,
                    "hint": finding.hint,
                }
                for finding in self.findings
            ],
            "tool_calls": [
                {
                    "name": record.name,
                    "arguments": record.arguments,
                    "outcome": record.outcome,
                    "seconds": record.seconds,
                }
                for record in self.tool_calls
            ],
            "artifacts": [
                {
                    "name": artifact.name,
                    "media_type": artifact.media_type,
                    "size_bytes": artifact.size_bytes,
                    "digest": artifact.digest,
                    "data": base64.b64encode(artifact.data).decode("ascii"),
                }
                for artifact in self.artifacts
            ],
            "not_kept": dict(self.not_kept),
            "rollback": self.rollback,
            "usage": {
                "wall_seconds": self.usage.wall_seconds,
                "cpu_seconds": self.usage.cpu_seconds,
                "peak_memory_bytes": self.usage.peak_memory_bytes,
                "output_bytes": self.usage.output_bytes,
                "queued_seconds": self.usage.queued_seconds,
            },
            "final_answer": self.final_answer,
            "text": self.text,
        }
