"""One honest message of each type, and which of them a phase expects: what the tests of the conversation start from."""

from __future__ import annotations

from typing import Any

from safe_codeact.wire import messages as m
from safe_codeact.wire.conversation import Phase

FINDING = {"code": "G101", "name": "import", "line": 1, "column": 1, "message": "no", "hint": ""}
REPORT = {"allowed": True, "findings": [], "imports": [], "names": [], "tools": []}
REFUSED = REPORT | {"allowed": False, "findings": [FINDING]}
ERROR = {"type": "ValueError", "message": "no", "traceback": "", "line": 1}
STUBS = [m.ToolStub(name, "()", "", False) for name in ("search", "rate")]
EXECUTE = m.Execute("1", STUBS, 0, 1.0, "", b"\x01" * 32)
FINISHED = m.Finished("completed", None, None, {}, -1, [], 0, False, None)

WORKER_MESSAGES: dict[type, Any] = {
    m.Ready: m.Ready({}),
    m.Judged: m.Judged(REPORT, []),
    m.Output: m.Output("stdout", "x"),
    m.Display: m.Display("plot-1.png", "image/png", b"x"),
    m.Readings: m.Readings([1.5, 2], True),
    m.ToolCall: m.ToolCall(1, "search", [], {}),
    m.Finished: FINISHED,
    m.Fetched: m.Fetched("", "int", 1),
    m.Assigned: m.Assigned(-1, [], ""),
    m.Described: m.Described([]),
}
HOST_MESSAGES: dict[type, Any] = {
    m.Execute: EXECUTE,
    m.Fetch: m.Fetch("x", 0),
    m.Assign: m.Assign("x", 1, 0),
    m.Describe: m.Describe(0),
    m.ToolReply: m.ToolReply(1, None),
    m.Configure: m.Configure({}, {}, [], 7, "/slots"),
    m.Fork: m.Fork("/slot", 1),
}
EXPECTED: dict[Phase, set[type]] = {
    Phase.STARTING: {m.Ready},
    Phase.STANDING_BY: set(),
    Phase.JUDGING: {m.Judged},
    Phase.RUNNING: {m.Output, m.Display, m.Readings, m.ToolCall, m.Finished},
    Phase.FETCHING: {m.Fetched},
    Phase.ASSIGNING: {m.Assigned},
    Phase.DESCRIBING: {m.Described},
    Phase.DONE: set(),
}
REQUESTS = {Phase.JUDGING: m.Execute, Phase.FETCHING: m.Fetch, Phase.ASSIGNING: m.Assign, Phase.DESCRIBING: m.Describe}
