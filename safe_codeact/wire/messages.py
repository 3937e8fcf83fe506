"""Every message that may cross a border, as frozen data. What each field may hold is in `wire.shapes`.

Three parties speak: host and zygote over the control socket, host and worker over the worker's own socket. Only the
worker is hostile. Only the host's own frames are read by the zygote.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from safe_codeact.frozen import dataclass

# ---- host → zygote


MOST_SEGMENTS = 16  # files that one version of a session's names is made of


@dataclass(frozen=True, slots=True)
class Configure:
    """The first frame of a zygote's life: all it needs to preload, to plan and to be watched."""

    policy: dict[str, Any]  # Policy.to_plain()
    plan: dict[str, Any]  # Plan.to_plain()
    preload: list[str]  # module names to import before the first fork
    host_pid: int
    slots: str  # absolute path of the folder that holds every worker's slot


@dataclass(frozen=True, slots=True)
class Fork:
    """Fork one worker. One descriptor comes along: the worker's end of its socket."""

    slot: str  # absolute path of the worker's own, empty directory
    order: int  # echoed by Forked


# ---- zygote → host


@dataclass(frozen=True, slots=True)
class Prepared:
    """The zygote has imported what it can and is single-threaded."""

    modules: list[str]  # of `preload`, those that could be imported
    missing: list[str]  # those that are not installed
    uid: int
    python: str  # sys.version
    namespaces: list[str]  # of its own, which its workers are in
    not_entered: str  # why there are none
    first: int  # the pid of the process that holds their process table; 0: none


@dataclass(frozen=True, slots=True)
class Forked:
    order: int
    pid: int


@dataclass(frozen=True, slots=True)
class Exited:
    """A worker was reaped. `status` is the raw wait status; CPU seconds and peak resident memory are the kernel's."""

    pid: int
    status: int
    cpu_seconds: float
    peak_memory_bytes: int


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A worker made a call that its filter stops, and was killed for it; `Exited` follows. The kernel's word, not the
    worker's. `number` is None where the caller was gone before it could be read."""

    pid: int
    number: int | None
    architecture: int  # AUDIT_ARCH_* of include/uapi/linux/audit.h


@dataclass(frozen=True, slots=True)
class Failed:
    """The zygote cannot go on. `kind` is "unavailable" (a required protection), "import" or "internal"."""

    kind: str
    message: str


# ---- host → worker


@dataclass(frozen=True, slots=True)
class ToolStub:
    name: str
    signature: str  # "(query: str, limit: int = 5) -> list[dict]"
    description: str
    is_async: bool
    asks: bool = False  # a person decides about each call


@dataclass(frozen=True, slots=True)
class Execute:
    """One action. Descriptors that come along, in order: the state's segments, and an empty file for the next one."""

    source: str
    tools: list[ToolStub]
    segments: int  # how many of the descriptors are the state's; 0: there is none
    wall_seconds: float
    workspace: str  # the directory to work in, inside the slot; "" when there is none
    seed: bytes = b""  # of all its randomness; b"": it is not recorded, and asks the kernel
    readings: list[float] = field(default_factory=list)  # of clocks, to be read again before they are real


@dataclass(frozen=True, slots=True)
class Fetch:
    """`session.get`: send one variable as plain data."""

    name: str
    segments: int  # how many of the descriptors are the state's; 0: there is none


@dataclass(frozen=True, slots=True)
class Assign:
    """`session.set`: bind one variable to plain data and save. `type_name` is one of `tables.TYPE_NAMES`, or ""."""

    name: str
    value: Any
    segments: int  # how many of the descriptors are the state's; 0: there is none
    type_name: str = ""


@dataclass(frozen=True, slots=True)
class Describe:
    """`session.variables`: send names, types, sizes and previews."""

    segments: int  # how many of the descriptors are the state's; 0: there is none


@dataclass(frozen=True, slots=True)
class ToolReply:
    """Answers the ToolCall of the same `call`. `error_type` is "" for a result."""

    call: int
    value: Any = None
    error_type: str = ""  # "", "ToolError", "TypeError", "ValueError", "ToolRefused"
    error_message: str = ""
    is_record: bool = False  # the dicts in `value` were objects with attributes
    asked_seconds: float = 0.0  # that a person took to answer, which are not the action's


# ---- worker → host


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker is locked down and has read nothing yet. `receipt` is Receipt.to_plain()."""

    receipt: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """The gate's verdict: GateReport.to_dict(). `needs` names modules that this zygote lacks and the action imports."""

    report: dict[str, Any]
    needs: list[str]


@dataclass(frozen=True, slots=True)
class Output:
    stream: str  # "stdout" or "stderr"
    text: str


@dataclass(frozen=True, slots=True)
class Display:
    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ToolCall:
    call: int  # counts up from 1 within the action
    name: str
    args: list[Any]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Readings:
    """What a recorded action read of clocks since the last such message; sent before a call. The worker's own word: it is
    given back to nobody but the same action."""

    values: list[float]
    complete: bool  # whether there are no more of them than can be played again


@dataclass(frozen=True, slots=True)
class Finished:
    """The worker's last word on an action. `ended` is "completed", "raised", "timed_out" or "memory_exceeded"."""

    ended: str
    value: str | None
    error: dict[str, Any] | None  # type, message, traceback, line
    not_kept: dict[str, str]
    saved_bytes: int  # length of the new segment; -1: nothing was saved, keep the old state
    kept: list[int]  # which of the given segments the new state goes on using, by their places
    output_bytes: int  # what the action wrote, also what was cut
    has_final_answer: bool
    final_answer: Any


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to Fetch. `problem` is "", "missing", "not_plain" (`type_name` says what it is) or "too_large".

    Without a problem, `type_name` is one of `tables.TYPE_NAMES` where `value` is an array or a frame taken apart.
    """

    problem: str
    type_name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Assigned:
    saved_bytes: int
    kept: list[int]  # as in `Finished`
    problem: str  # "" or why it could not be kept


@dataclass(frozen=True, slots=True)
class VariableLine:
    name: str
    type: str
    size_bytes: int
    preview: str


@dataclass(frozen=True, slots=True)
class Described:
    variables: list[VariableLine] = field(default_factory=list)


HostMessage = Configure | Fork | Execute | Fetch | Assign | Describe | ToolReply
ZygoteMessage = Prepared | Forked | Forbidden | Exited | Failed
WorkerMessage = Ready | Judged | Output | Display | Readings | ToolCall | Finished | Fetched | Assigned | Described
Message = HostMessage | ZygoteMessage | WorkerMessage
