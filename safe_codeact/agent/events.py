"""What a run tells while it goes on: `CodeActAgent.stream` yields these, in the order in which they happen.

All are frozen data. A terminal, a web page and a test read the same events; none of them holds a key, a client or a
live object of the session. Text in them comes from the model or from the action: whoever prints it must escape it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from safe_codeact import Artifact, Observation


# "repetition": the same came back four times in a row, although the model was told at the third.
StoppedBy = Literal["answer", "max_turns", "repetition"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsage:
    """Tokens as the endpoint counted them (0 where it does not say), over all requests of the run."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentResult:
    """What a run came to.

    `answer` is the model's text, or the value given to `final_answer(…)`; None exactly when `stopped_by` is not
    "answer". `messages` is the whole conversation, as the endpoint is shown it when nothing is folded. `artifacts`
    holds the last version of each name, in the order of first appearance.
    """

    answer: Any
    turns: int
    messages: tuple[Mapping[str, Any], ...]
    stopped_by: StoppedBy
    artifacts: tuple[Artifact, ...] = ()
    observations: tuple[Observation, ...] = ()
    usage: ModelUsage = field(default_factory=ModelUsage)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDelta:
    """A piece of the reply as it arrives. `kind`: its text, the model's reasoning, or the code of a tool call."""

    turn: int
    text: str
    kind: Literal["content", "reasoning", "tool_call"] = "content"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRetry:
    """The endpoint failed in a way that may pass. The turn's deltas so far are void; the request is sent again."""

    turn: int
    reason: str
    wait_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionProposed:
    """The model wants this source run. `format` is how it wrote it (`extract.Format`), `blocks` how many it wrote."""

    turn: int
    thought: str
    source: str
    format: str
    blocks: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyReturned:
    """The reply was neither action nor answer (cut, or empty). The model is told `reason` and has another turn."""

    turn: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationReady:
    """The action of this turn has ended. `hint` is what the model is told besides ("" where nothing)."""

    turn: int
    observation: Observation
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerReady:
    """The last event of every run that ends by itself. `answer` is None when a budget ended it."""

    turn: int
    answer: Any
    stopped_by: StoppedBy
    thought: str
    result: AgentResult


Event = ModelDelta | ModelRetry | ActionProposed | ReplyReturned | ObservationReady | AnswerReady
