"""What a run tells while it goes on: `CodeActAgent.stream` yields these, in the order in which they happen.

All are frozen data. A terminal, a web page and a test read the same events; none of them holds a key, a client or a
live object of the session. Text in them comes from the model or from the action: whoever prints it must escape it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from safe_codeact.agent.budget import Spent
from safe_codeact.agent.context import Fold

if TYPE_CHECKING:
    from safe_codeact import Artifact, Observation


# "repetition": the same came back four times in a row, although the model was told at the third.
StoppedBy = Literal["answer", "suspended", "max_turns", "max_tokens", "max_seconds", "max_tool_calls", "repetition"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsage:
    """Tokens as the endpoint counted them (0 where it does not say), over all requests of the run."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One turn, as it was understood: an action (`source`, `observation`), the answer, or a reply returned (`reason`).

    `format` says how the model wrote it, `thought` is the prose around, `hint` what the model was told besides.
    `observation` is None where the run ended before the action.
    """

    turn: int
    kind: Literal["action", "answer", "returned"]
    format: str
    thought: str = ""
    source: str = ""
    observation: Observation | None = None
    text: str = ""  # of a reply that was an answer or returned
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a run was given: `policy_digest` is that of the effective policy (SHA-256, hex)."""

    task: str = ""
    model: str = ""
    policy: str = ""
    policy_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentResult:
    """What a run came to.

    `answer` is the model's text, or the value given to `final_answer(…)`; None exactly when `stopped_by` is not
    "answer". `messages` is the whole conversation, as the endpoint is shown it when nothing is folded. `artifacts`
    holds the last version of each name, in the order of first appearance. `steps` has one entry for each turn, `folds`
    one for each folding of the context, with the turn before which it was done.
    """

    answer: Any
    turns: int
    messages: tuple[Mapping[str, Any], ...]
    stopped_by: StoppedBy
    artifacts: tuple[Artifact, ...] = ()
    observations: tuple[Observation, ...] = ()
    usage: ModelUsage = field(default_factory=ModelUsage)
    spent: Spent = field(default_factory=Spent)
    steps: tuple[Step, ...] = ()
    folds: tuple[tuple[int, Fold], ...] = ()
    setting: Setting = field(default_factory=Setting)


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
class ContextFolded:
    """The conversation had grown too long: before this turn's request, old observations were cut or turns left out."""

    turn: int
    fold: Fold


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerReady:
    """The last event of every run that ends by itself. `answer` is None when a budget ended it."""

    turn: int
    answer: Any
    stopped_by: StoppedBy
    thought: str
    result: AgentResult


Event = ModelDelta | ModelRetry | ActionProposed | ReplyReturned | ObservationReady | ContextFolded | AnswerReady
