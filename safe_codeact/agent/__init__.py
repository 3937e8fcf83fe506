"""The CodeAct loop over any OpenAI-compatible model: thought → action → observation, until an answer.

`loop` drives (the two agents), `dialogue` decides (no I/O), `model` asks the endpoint (`reply`, `endpoint`,
`transport`), `extract` reads a reply (`blocks`), `prompt` and `context` write what is sent, `events` is what a caller
sees. Uses the public names of the package only.
"""

from __future__ import annotations

from safe_codeact.agent.endpoint import Patience
from safe_codeact.agent.events import (
    ActionProposed,
    AgentResult,
    AnswerReady,
    Event,
    ModelDelta,
    ModelRetry,
    ModelUsage,
    ObservationReady,
    ReplyReturned,
)
from safe_codeact.agent.extract import Format, Reading, extract
from safe_codeact.agent.loop import AsyncCodeActAgent, CodeActAgent

__all__ = [
    "ActionProposed",
    "AgentResult",
    "AnswerReady",
    "AsyncCodeActAgent",
    "CodeActAgent",
    "Event",
    "Format",
    "ModelDelta",
    "ModelRetry",
    "ModelUsage",
    "ObservationReady",
    "Patience",
    "Reading",
    "ReplyReturned",
    "extract",
]
