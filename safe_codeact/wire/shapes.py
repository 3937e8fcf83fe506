"""What each message may hold: its tag, who may send it, and a kind with bounds for every field.

The table is total over `wire.messages` (a test compares both), and it is the only place where a bound is written. The
guest is expected to cut what it sends to these bounds: `frame` refuses the rest before it is sent, `Decoder` kills.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from safe_codeact.frozen import dataclass
from safe_codeact.wire import messages as m
from safe_codeact.wire.format import HEAD_BYTES, KIB, MIB, PLAIN_BOUNDS, Bounds
from safe_codeact.wire.kinds import (
    Blob,
    Choice,
    Flag,
    Instance,
    Kind,
    Label,
    ListOf,
    Number,
    Optional,
    Plain,
    Real,
    Record,
    RelativePath,
    Text,
    TextMap,
    Whole,
)
from safe_codeact.wire.tables import TYPE_NAMES


class Direction(Enum):
    HOST_TO_ZYGOTE = "host to zygote"
    ZYGOTE_TO_HOST = "zygote to host"
    HOST_TO_WORKER = "host to worker"
    WORKER_TO_HOST = "worker to host"


@dataclass(frozen=True, slots=True)
class FieldShape:
    name: str
    kind: Kind
    bounds: Bounds  # kind.bounds, worked out once
    accept: Callable[[Any], Any]  # these two are the kind's, found once
    plain: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """One message type. `max_bytes` bounds a frame's body: the head and all fields."""

    type: type[Any]
    tag: int  # 0 to 127, one byte
    direction: Direction
    fields: tuple[FieldShape, ...]
    max_bytes: int


def _shape(tag: int, direction: Direction, type_: type[Any], kinds: Mapping[str, Kind]) -> Shape:
    fields = tuple(
        FieldShape(spec.name, kind := kinds[spec.name], kind.bounds, kind.accept, kind.plain)
        for spec in dataclasses.fields(type_)
    )
    return Shape(type_, tag, direction, fields, HEAD_BYTES + sum(field.bounds.max_bytes for field in fields))


# Bounds that the guest cuts to, or that the host needs to know.
OUTPUT_TEXT_BYTES = 64 * KIB  # streams gather and send pieces; a page of a pipe's buffer, so one recv brings one frame
DISPLAY_BYTES = 16 * MIB  # a figure of 6,000 × 4,000 pixels as PNG is about 10 MiB
ARGUMENT_BYTES = 1 * MIB  # positional arguments of a call together, keyword arguments together: a document, no data set
VALUE_TEXT_BYTES = 256 * KIB  # a model is shown far less of a last expression; a program may want a table of text
ANSWER_BYTES = 1 * MIB  # an answer is read by a person or a program
TRACEBACK_BYTES = 64 * KIB  # thousands of lines; deeper recursion is folded by traceback itself
MESSAGE_BYTES = 16 * KIB  # an exception's message: pandas quotes whole lists of columns
NAME_BYTES = 512  # of a variable, module, file type or exception: 128 characters of any script
PATH_BYTES = 4 * KIB  # PATH_MAX
PREVIEW_BYTES = 400  # one line of a table of variables
VARIABLES = 20_000  # `from x import *` of every allowed module stays under 5,000
FINDINGS = 1_000  # nobody mends more in one turn, and a gate that finds more may stop
TOOLS = 1_000
READINGS = 10_000  # of clocks, that are recorded of one action
TOOLARGUMENT_BOUNDS = 1_000  # positional or keyword arguments of one call
# What `str` still prints (sys.int_info.default_max_str_digits is 4,300): the host writes these values as JSON, and an
# int beyond that would raise ValueError in the middle of a record.
PRINTABLE_INT_BYTES = 1_785

_INT64 = 2**63 - 1
_PID = 2**22  # /proc/sys/kernel/pid_max never exceeds it (proc(5))
_CALL = 10**9
_SECONDS = 1e9
_SIZE = 2**50  # no machine has that much of anything yet

# Each node is up to 100 bytes of the host's memory and 0.3 µs of its time, whatever the bytes are: hence their own cap.
# The first three are public: `pack(value, ANSWER_BOUNDS)` tells the guest whether a frame will carry it.
ARGUMENT_BOUNDS = Bounds(max_bytes=ARGUMENT_BYTES, max_nodes=50_000, max_depth=64, max_int_bytes=PRINTABLE_INT_BYTES)
ANSWER_BOUNDS = Bounds(max_bytes=ANSWER_BYTES, max_nodes=100_000, max_depth=64, max_int_bytes=PRINTABLE_INT_BYTES)
VALUE_BOUNDS = PLAIN_BOUNDS
_OWN = Bounds(max_bytes=4 * MIB, max_nodes=200_000, max_depth=32, max_int_bytes=8)  # the host's own policy and plan
_RECEIPT = Bounds(max_bytes=256 * KIB, max_nodes=10_000, max_depth=16, max_int_bytes=16)  # a line for each protection

# Names that a source binds: an identifier may be as long as the source, and there is at most one for two bytes of it.
_SOURCE_NAMES = Bounds(max_bytes=2 * MIB, max_nodes=200_001, max_depth=1)
_NAMES = ListOf(Text(MIB), _SOURCE_NAMES.max_nodes - 1, _SOURCE_NAMES)
_FINDING = Record(
    {
        "code": Label(16),
        "name": Label(64),
        "line": Whole(0, 2**31),  # 0: the source as a whole
        "column": Whole(0, 2**31),
        "message": Text(MIB),  # quotes names, which may be as long as the source
        "hint": Text(MIB),
    }
)
_REPORT = Record(
    {
        "allowed": Flag(),
        "findings": ListOf(_FINDING, FINDINGS, Bounds(max_bytes=4 * MIB, max_nodes=20_000, max_depth=2)),
        "imports": _NAMES,
        "names": _NAMES,
        "tools": _NAMES,
    }
)
_ERROR = Record(
    {
        "type": Label(NAME_BYTES),
        "message": Text(MESSAGE_BYTES),
        "traceback": Text(TRACEBACK_BYTES),
        "line": Optional(Whole(1, 2**31)),
    }
)
_STUB = Instance(
    m.ToolStub,
    {
        "name": Label(NAME_BYTES),
        "signature": Text(64 * KIB),
        "description": Text(256 * KIB),
        "is_async": Flag(),
        "asks": Flag(),
    },
)
_VARIABLE = Instance(
    m.VariableLine,
    {
        "name": Text(MIB, filled=True),
        "type": Text(MIB),
        "size_bytes": Whole(0, _SIZE),
        "preview": Text(PREVIEW_BYTES),
    },
)
_SAVED = Whole(-1, _SIZE)
_SEGMENTS = Whole(0, m.MOST_SEGMENTS)
_KEPT = ListOf(Whole(0, m.MOST_SEGMENTS - 1), m.MOST_SEGMENTS - 1)

_READINGS = ListOf(Number(), READINGS)

_TO_ZYGOTE, _FROM_ZYGOTE = Direction.HOST_TO_ZYGOTE, Direction.ZYGOTE_TO_HOST
_TO_WORKER, _FROM_WORKER = Direction.HOST_TO_WORKER, Direction.WORKER_TO_HOST

SHAPES: tuple[Shape, ...] = (
    _shape(
        1,
        _TO_ZYGOTE,
        m.Configure,
        {
            "policy": TextMap(Plain(_OWN), 1_000, NAME_BYTES, _OWN),
            "plan": TextMap(Plain(_OWN), 1_000, NAME_BYTES, _OWN),
            "preload": ListOf(Label(NAME_BYTES), 10_000),
            "host_pid": Whole(1, _PID),
            "slots": Text(PATH_BYTES, filled=True),
        },
    ),
    _shape(2, _TO_ZYGOTE, m.Fork, {"slot": Text(PATH_BYTES, filled=True), "order": Whole(0, _INT64)}),
    _shape(
        16,
        _FROM_ZYGOTE,
        m.Prepared,
        {
            "modules": ListOf(Label(NAME_BYTES), 10_000),
            "missing": ListOf(Label(NAME_BYTES), 10_000),
            "uid": Whole(0, 2**32 - 1),
            "python": Text(4 * KIB, filled=True),
            "namespaces": ListOf(Label(16), 16),
            "not_entered": Text(4 * KIB),
            "first": Whole(0, _PID),
        },
    ),
    _shape(17, _FROM_ZYGOTE, m.Forked, {"order": Whole(0, _INT64), "pid": Whole(2, _PID)}),
    _shape(
        18,
        _FROM_ZYGOTE,
        m.Exited,
        {
            "pid": Whole(2, _PID),
            "status": Whole(0, 0xFFFF),  # wait(2): the low 16 bits
            "cpu_seconds": Real(0.0, _SECONDS),
            "peak_memory_bytes": Whole(0, _SIZE),
        },
    ),
    _shape(
        19,
        _FROM_ZYGOTE,
        m.Failed,
        {"kind": Choice(("unavailable", "import", "internal")), "message": Text(TRACEBACK_BYTES)},
    ),
    _shape(
        20,
        _FROM_ZYGOTE,
        m.Forbidden,
        {"pid": Whole(2, _PID), "number": Optional(Whole(-(2**31), 2**31 - 1)), "architecture": Whole(0, 2**32 - 1)},
    ),
    _shape(
        32,
        _TO_WORKER,
        m.Execute,
        {
            "source": Text(16 * MIB),  # the policy's source_kb decides; this is what a frame can carry
            "tools": ListOf(_STUB, TOOLS, Bounds(max_bytes=16 * MIB, max_nodes=5 * TOOLS + 1, max_depth=2)),
            "segments": _SEGMENTS,
            "wall_seconds": Real(0.0, _SECONDS),
            "workspace": Text(PATH_BYTES),
            "seed": Blob(64),
            "readings": _READINGS,
        },
    ),
    _shape(33, _TO_WORKER, m.Fetch, {"name": Text(NAME_BYTES, filled=True), "segments": _SEGMENTS}),
    _shape(
        34,
        _TO_WORKER,
        m.Assign,
        {
            "name": Text(NAME_BYTES, filled=True),
            "value": Plain(VALUE_BOUNDS),
            "segments": _SEGMENTS,
            "type_name": Choice(("", *TYPE_NAMES)),
        },
    ),
    _shape(35, _TO_WORKER, m.Describe, {"segments": _SEGMENTS}),
    _shape(
        36,
        _TO_WORKER,
        m.ToolReply,
        {
            "call": Whole(1, _CALL),
            "value": Plain(VALUE_BOUNDS),  # max_result_kb of the policy decides
            "error_type": Choice(("", "ToolError", "TypeError", "ValueError", "ToolRefused")),
            "error_message": Text(MESSAGE_BYTES),
            "is_record": Flag(),
            "asked_seconds": Real(0.0, _SECONDS),
        },
    ),
    _shape(
        48,
        _FROM_WORKER,
        m.Ready,
        {"receipt": TextMap(Plain(_RECEIPT), 1_000, NAME_BYTES, _RECEIPT)},
    ),
    _shape(49, _FROM_WORKER, m.Judged, {"report": _REPORT, "needs": ListOf(Label(NAME_BYTES), 64)}),
    _shape(
        50,
        _FROM_WORKER,
        m.Output,
        {"stream": Choice(("stdout", "stderr")), "text": Text(OUTPUT_TEXT_BYTES, filled=True)},
    ),
    _shape(
        51,
        _FROM_WORKER,
        m.Display,
        {"name": RelativePath(PATH_BYTES), "media_type": Choice(("image/png",)), "data": Blob(DISPLAY_BYTES)},
    ),
    _shape(
        52,
        _FROM_WORKER,
        m.ToolCall,
        {
            "call": Whole(1, _CALL),
            "name": Label(NAME_BYTES),
            "args": ListOf(Plain(ARGUMENT_BOUNDS), TOOLARGUMENT_BOUNDS, ARGUMENT_BOUNDS),
            "kwargs": TextMap(Plain(ARGUMENT_BOUNDS), TOOLARGUMENT_BOUNDS, NAME_BYTES, ARGUMENT_BOUNDS),
        },
    ),
    _shape(57, _FROM_WORKER, m.Readings, {"values": _READINGS, "complete": Flag()}),
    _shape(
        53,
        _FROM_WORKER,
        m.Finished,
        {
            "ended": Choice(("completed", "raised", "timed_out", "memory_exceeded")),
            "value": Optional(Text(VALUE_TEXT_BYTES)),
            "error": Optional(_ERROR),
            "not_kept": TextMap(
                Text(MIB), VARIABLES, MIB, Bounds(max_bytes=4 * MIB, max_nodes=2 * VARIABLES + 1, max_depth=1)
            ),
            "saved_bytes": _SAVED,
            "kept": _KEPT,
            "output_bytes": Whole(0, _SIZE),
            "has_final_answer": Flag(),
            "final_answer": Plain(ANSWER_BOUNDS),
        },
    ),
    _shape(
        54,
        _FROM_WORKER,
        m.Fetched,
        {
            "problem": Choice(("", "missing", "not_plain", "too_large")),
            "type_name": Text(NAME_BYTES),
            "value": Plain(VALUE_BOUNDS),
        },
    ),
    _shape(55, _FROM_WORKER, m.Assigned, {"saved_bytes": _SAVED, "kept": _KEPT, "problem": Text(MESSAGE_BYTES)}),
    _shape(
        56,
        _FROM_WORKER,
        m.Described,
        {
            "variables": ListOf(
                _VARIABLE, VARIABLES, Bounds(max_bytes=16 * MIB, max_nodes=5 * VARIABLES + 1, max_depth=2)
            )
        },
    ),
)

BY_TYPE: Mapping[type[Any], Shape] = {shape.type: shape for shape in SHAPES}
BY_TAG: Mapping[Direction, Mapping[int, Shape]] = {
    direction: {shape.tag: shape for shape in SHAPES if shape.direction is direction} for direction in Direction
}
