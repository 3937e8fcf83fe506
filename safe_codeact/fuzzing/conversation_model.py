"""What a hostile worker says, step by step, and what its host should have heard: a conversation in a few lines.

Both are made from the same steps: the messages that go to the socket are those that the model is told. The model is written
without a look at `wire.conversation`, and its bounds are said here once more: one that were dropped there would be here still.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st

from safe_codeact.fuzzing.steps import Steps, walks
from safe_codeact.fuzzing.wire_examples import MARK, frames
from safe_codeact.host import exchange
from safe_codeact.wire import messages as m
from safe_codeact.wire.encode import frame
from safe_codeact.wire.shapes import Direction

OUTPUT_LIMIT: Final = 2_000
DISPLAY_LIMIT: Final = 3_000
CALL_LIMIT: Final = 30
MAX_OUTSTANDING: Final = 16
WEIGHT_LIMIT: Final = 60_000
_REPORT: Final = {"allowed": True, "findings": [], "imports": [], "names": [], "tools": []}
_FINDING: Final = {"code": "G101", "name": "size", "line": 1, "column": 1, "message": MARK, "hint": ""}
REQUESTS: Final[dict[str, tuple[Callable[[list[m.ToolStub]], exchange.Request], str]]] = {
    "execute": (lambda stubs: m.Execute("1", stubs, 0, 1.0, ""), "judging"),
    "fetch": (lambda stubs: m.Fetch("x", 0), "fetched"),
    "assign": (lambda stubs: m.Assign("x", 1, 0), "assigned"),
    "describe": (lambda stubs: m.Describe(0), "described"),
}

_sizes = st.sampled_from([1, 1, 40, 700, 1_999, 2_000, 2_001])
STEPS: Final[Steps] = {
    "judged": (st.sampled_from(["allowed", "allowed", "allowed", "refused", "needs", "contradicts"]),),
    "output": (st.sampled_from(["stdout", "stderr"]), _sizes),
    "display": (_sizes,),
    "calls": (
        st.sampled_from([1, 1, 2, MAX_OUTSTANDING, MAX_OUTSTANDING + 1, MAX_OUTSTANDING + 1]),
        st.sampled_from(["double", "double", "double", "pay", "later", "later", "secret", "Double", "os.system"]),
        st.sampled_from([1, 100, 101, 1e9, "1", None, True, [1], 2**70]),
        st.sampled_from([1, 1, 1, 1, 1, 0, 2]),
    ),
    "heavy": (st.integers(1, 400),),
    "finished": (st.sampled_from(["completed", "completed", "raised", "contradicts", "answers"]),),
    "hasty": (),
    "other": (st.sampled_from(["ready", "fetched", "assigned", "described", "execute"]),),
    "raw": (frames(Direction.WORKER_TO_HOST).map(bytes.hex),),
    "cut": (st.integers(0, 40),),
    "close": (),
    "silence": (),
}


@st.composite
def examples(draw: st.DrawFn) -> dict[str, Any]:
    """Most begin as an honest action, or nothing would get further than its verdict."""
    request = draw(st.sampled_from(["execute", "execute", "execute", "fetch", "assign", "describe"]))
    steps = draw(walks(STEPS, 8))
    if request == "execute" and draw(st.integers(0, 5)):
        steps = [["judged", "allowed"], *steps]
    return {"request": request, "async": draw(st.booleans()), "steps": steps}


class Hostile:
    """The other end. What it says is made here, so that the model and the socket see the same."""

    def __init__(self) -> None:
        self.last_call = 0

    def says(self, name: str, arguments: list[Any]) -> tuple[list[tuple[str, Any]], bytes]:
        """(what the model is told, the bytes). The model is told "unknown" where it cannot know."""
        made: list[Any] = _SAYS[name](self, *arguments) if name in _SAYS else []
        if name == "raw":
            return [("unknown", None)], bytes.fromhex(arguments[0])
        if name == "cut":
            return [("unknown", None)], frame(m.Output("stdout", MARK * 9))[: arguments[0]]
        return [(_kind(message), message) for message in made], b"".join(map(frame, made))

    def _judged(self, how: str) -> list[Any]:
        refused = {**_REPORT, "allowed": False, "findings": [_FINDING]}
        report = {"refused": refused, "contradicts": {**refused, "allowed": True}}.get(how, _REPORT)
        return [m.Judged(report, ["pandas"] if how == "needs" else [])]

    def _output(self, stream: str, size: int) -> list[Any]:
        return [m.Output(stream, "x" * size)]

    def _display(self, size: int) -> list[Any]:
        return [m.Display("plot.png", "image/png", b"x" * size)]

    def _calls(self, count: int, name: str, argument: Any, step: int) -> list[Any]:
        made = []
        for _ in range(count):
            self.last_call = max(1, self.last_call + step)
            made.append(m.ToolCall(self.last_call, name, [argument], {}))
        return made

    def _heavy(self, size: int) -> list[Any]:
        self.last_call += 1
        return [m.ToolCall(self.last_call, "double", [[0] * size], {})]

    def _finished(self, how: str) -> list[Any]:
        error = (
            {"type": "E", "message": MARK, "traceback": "", "line": None} if how in ("raised", "contradicts") else None
        )
        ended = "raised" if how == "raised" else "completed"
        return [m.Finished(ended, "1", error, {}, -1, [], 0, False, 1 if how == "answers" else None)]

    def _hasty(self) -> list[Any]:
        return [*self._calls(1, "double", 1, 1), *self._finished("completed")]

    def _other(self, kind: str) -> list[Any]:
        return [_OTHERS[kind]]


_OTHERS: Final[dict[str, Any]] = {
    "ready": m.Ready({}),
    "fetched": m.Fetched("", "int", 1),
    "assigned": m.Assigned(-1, [], ""),
    "described": m.Described([]),
    "execute": m.Execute("1", [], 0, 1.0, ""),
}
_SAYS: Final[dict[str, Callable[..., list[Any]]]] = {
    "judged": Hostile._judged,
    "output": Hostile._output,
    "display": Hostile._display,
    "calls": Hostile._calls,
    "heavy": Hostile._heavy,
    "finished": Hostile._finished,
    "hasty": Hostile._hasty,
    "other": Hostile._other,
}


def _kind(message: Any) -> str:
    return type(message).__name__.lower()


# ---- what the host should have heard


class Model:
    """One worker's life in a few lines. `verdict`: "", "violation", "answer", or "unknown" from where it cannot be told."""

    def __init__(self, request: str) -> None:
        self.phase = REQUESTS[request][1]
        self.verdict = ""
        self.is_gone = False  # it hung up, or fell silent
        self.printed = self.shown = self.last = 0
        self.weight = 0

    def hear(self, said: list[tuple[str, Any]]) -> None:
        """All of one step: it is sent at once, and heard before any reply."""
        waiting = 0
        for kind, message in said:
            if self.verdict == "answer":  # what follows a last word is heard only if it comes in the same breath
                self.verdict = "unknown"
            if self.verdict or self.is_gone:
                return
            waiting += kind == "toolcall"
            self._one(kind, message, waiting)

    def _one(self, kind: str, message: Any, waiting: int) -> None:
        if kind == "unknown":
            self.verdict = "unknown"
        elif self.phase == "judging" and kind == "judged":
            self._judged(message)
        elif self.phase == "running" and kind in ("output", "display", "toolcall"):
            self._heard(kind, message, waiting)
        elif self.phase == "running" and kind == "finished":
            fine = (message.ended == "raised") is (message.error is not None) and message.final_answer is None
            self.verdict = "answer" if fine and not waiting else "violation"
        elif kind == self.phase in ("fetched", "assigned", "described"):
            self.verdict = "answer"
        else:
            self.verdict = "violation"

    def _judged(self, message: m.Judged) -> None:
        allowed = message.report["allowed"]
        if allowed is bool(message.report["findings"]):
            self.verdict = "violation"
        elif allowed and not message.needs:
            self.phase = "running"
        else:
            self.verdict = "answer"

    def _heard(self, kind: str, message: Any, waiting: int) -> None:
        self.printed += len(message.text) if kind == "output" else 0
        self.shown += len(message.data) if kind == "display" else 0
        fine = self.printed <= OUTPUT_LIMIT and self.shown <= DISPLAY_LIMIT
        if kind == "toolcall":
            offered = message.name in ("double", "pay", "later")
            fine = message.call == self.last + 1 <= CALL_LIMIT and waiting <= MAX_OUTSTANDING and offered
            self.last = message.call
            self.weight += 96 * (8 + len(message.args[0]) if isinstance(message.args[0], list) else 8)
            if self.weight > WEIGHT_LIMIT // 2:
                self.verdict = "unknown"  # what a call weighs is the decoder's to say
        if not fine:
            self.verdict = "violation"
