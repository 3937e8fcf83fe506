"""What is played, whichever file it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from safe_codeact.policy.effective import Policy

Doing = Literal["resumed", "write", "delete", "set", "checkpoint", "restore", "fork", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A recorded call. `known`: the reply is in the record (`value`, or `error` as type and message); else `why` it is not."""

    tool: str
    given: str | None = None  # the digest of its arguments; None: not recorded
    known: bool = False
    value: Any = None
    error: tuple[str, str] | None = None
    is_record: bool = False  # as `messages.ToolReply` has it
    outcome: str = "returned"
    why: str = "the record does not have it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """An action, with its observation as `entry.observation_fields` writes it. `expected` None: there is none to compare."""

    place: str  # "record 17", "run 1, turn 3"
    session: str
    source: str
    expected: Mapping[str, Any] | None
    replies: Mapping[int, Reply] = field(default_factory=dict)  # in the order in which they came
    seconds: float | None = None  # on the clock; None: as the policy says
    seed: bytes = b""  # of its randomness; b"": the record has neither that nor readings
    readings: Sequence[float] = ()  # of clocks; what it reads after these is the real time


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStep:
    """What the host did to a session. `fields` are those of the record of a change."""

    place: str
    session: str
    what: Doing
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One runtime's, or one run's."""

    name: str
    policy: Policy
    is_own_policy: bool = True  # False: another one was asked for, or its text reads otherwise in this version
    tools: Sequence[Mapping[str, Any]]  # the stubs that actions saw
    steps: Sequence[Act | HostStep]
