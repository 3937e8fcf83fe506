"""The CodeAct loop over any OpenAI-compatible model: thought → action → observation, until an answer.

`loop` drives (the two agents), `dialogue` decides (no I/O) within a `budget`, `model` asks the endpoint (`reply`,
`endpoint`, `transport`), `extract` reads a reply (`marks`, `blocks`, `textcalls`), `prompt` and `context` write what is
sent (`directory`: which of many tools), `events` is what a caller sees, `trajectory` what is kept of a run. Uses the
public names of the package only.
"""

from __future__ import annotations

from safe_codeact.agent.budget import Spent
from safe_codeact.agent.context import Fold
from safe_codeact.agent.directory import FindTools
from safe_codeact.agent.endpoint import Patience
from safe_codeact.agent.events import (
    ActionProposed,
    AgentResult,
    AnswerReady,
    ContextFolded,
    Event,
    ModelDelta,
    ModelRetry,
    ModelUsage,
    ObservationReady,
    ReplyReturned,
    Setting,
    Step,
)
from safe_codeact.agent.extract import Format, Reading, extract
from safe_codeact.agent.loop import AsyncCodeActAgent, CodeActAgent
from safe_codeact.agent.style import CODE, ActionStyle
from safe_codeact.agent.trajectory import read_trajectories, readable, write_trajectory

__all__ = [
    "CODE",
    "ActionProposed",
    "ActionStyle",
    "AgentResult",
    "AnswerReady",
    "AsyncCodeActAgent",
    "CodeActAgent",
    "ContextFolded",
    "Event",
    "FindTools",
    "Fold",
    "Format",
    "ModelDelta",
    "ModelRetry",
    "ModelUsage",
    "ObservationReady",
    "Patience",
    "Reading",
    "ReplyReturned",
    "Setting",
    "Spent",
    "Step",
    "extract",
    "read_trajectories",
    "readable",
    "write_trajectory",
]
