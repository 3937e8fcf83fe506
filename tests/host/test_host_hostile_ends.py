"""A worker whose interpreter is owned, at the end of its life: what it says last, and what it still does then."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from safe_codeact import Policy, Runtime, tool
from safe_codeact.host import exchange

_FORGE = """
import os, sys
frame, messages = sys.modules['safe_codeact.wire.encode'].frame, sys.modules['safe_codeact.wire.messages']
def last_word(saved, value='forged', kept=()):
    return frame(messages.Finished(ended='completed', value=value, error=None, not_kept={}, saved_bytes=saved, kept=list(kept),
                                        output_bytes=0, has_final_answer=False, final_answer=None))
def finished(saved, kept=()): os.write(3, last_word(saved, kept=kept))
"""
_GO_ON = (
    "\nwhile True:\n    with open('late', 'a') as file: file.write('x')\n    os.lseek(6, 0, 0); os.write(6, b'late')\n"
)


@tool
def double(n: int) -> int:
    """Twice a number."""
    return 2 * n


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    policy = Policy.from_dict(
        {
            "version": 1, "extends": "strict", "language": {"restricted": False}, "filesystem": {"workspace": "rw"},
            "limits": {"workspace_files": 50, "workspace_mb": 4, "state_mb": 8}, "tools": {"double": {"why": "a test"}},
        }
    )  # fmt: skip
    with Runtime(policy, tools=[double]) as made:
        yield made


@pytest.fixture
def session(runtime: Runtime) -> Any:
    session = runtime.session()
    assert session.run("x = 1").outcome == "completed"
    return session


def _usable(session: Any) -> bool:
    return bool(session.run("x").value == "1")


def test_a_worker_that_goes_on_after_its_last_word_does_nothing_any_more(session: Any) -> None:
    observation = session.run(_FORGE + "finished(-1)" + _GO_ON)
    assert (observation.outcome, observation.value) == ("completed", "forged")
    before = session._state.listing()
    worker_is_gone = threading.Event()
    worker_is_gone.wait(0.2)
    assert session._state.listing() == before
    assert _usable(session)


def test_a_state_that_is_shorter_than_was_said_is_not_kept(session: Any) -> None:
    observation = session.run(_FORGE + "finished(10_000)" + _GO_ON)
    assert observation.outcome == "completed"
    assert (
        "The state that was saved is not as long as was said; the session keeps the previous one." in observation.text
    )
    assert _usable(session)


def test_a_state_that_is_no_state_is_said_by_the_next_action_and_restoring_mends_it(session: Any) -> None:
    mark = session.checkpoint()
    observation = session.run(_FORGE + "os.lseek(6, 0, 0); os.write(6, b'no state'); finished(8); os._exit(0)")
    assert observation.outcome == "completed"
    assert session.run("x").outcome != "completed"
    session.restore(mark)
    assert _usable(session)


@pytest.mark.parametrize("kept", [[1], [15], [0, 0], [1, 0], list(range(15))])
def test_a_state_that_goes_on_from_parts_that_are_not_there_is_not_kept(session: Any, kept: list[int]) -> None:
    before = session._state._saved
    observation = session.run(_FORGE + f"os.write(6, b'12345678'); finished(8, {kept}); os._exit(0)")
    assert observation.outcome == "completed"
    assert "goes on from parts that are not there; the session keeps the previous one." in observation.text
    assert session._state._saved == before
    assert _usable(session)


def test_a_state_cannot_grow_by_holding_on_to_what_it_does_not_use(runtime: Runtime) -> None:
    """A worker that writes a little less than is allowed each time, and drops nothing, is stopped where a version may end."""
    session = runtime.session()
    grow = """
import os, sys
layout = sys.modules['safe_codeact.guest.namespace.layout']
def is_open(n):
    try: os.fstat(n); return True
    except OSError: return False
last = max(n for n in range(3, 30) if is_open(n))
data = layout.front(layout.Version(), 3 << 20, last - 5) + bytes(3 << 20)
os.write(last, data); finished(len(data), range(last - 5)); os._exit(0)
"""
    texts = [session.run(_FORGE + grow).text for _ in range(6)]
    assert "larger than limits.state_mb" not in texts[2]
    assert "larger than limits.state_mb" in texts[-1]
    vault = session._state.core.vault
    assert sum(vault.size(name) for name in session._state._saved.names) <= (3 * 8 + 2) << 20
    session.close()


def test_a_worker_that_closes_its_connection_and_goes_on_is_killed(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "EXIT_SECONDS", 0.2)
    observation = session.run("import os, time\nos.close(3)\nwhile True: time.sleep(0.01)")
    assert observation.outcome == "broke_protocol"
    assert "it closed its connection and went on" in observation.text
    assert _usable(session)


@pytest.mark.parametrize(
    "source",
    [
        "os.write(3, last_word(-1) * 2)",
        "os.write(3, b'\\xff' * 100_000)",
        "os.write(3, frame(messages.Ready(receipt={})))",
        "os.write(3, frame(messages.ToolCall(call=1, name='absent', args=[], kwargs={})))",
        "os.write(3, frame(messages.ToolCall(call=7, name='double', args=[1], kwargs={})))",
        "os.write(3, frame(messages.ToolCall(call=1, name='double', args=[1], kwargs={})) + last_word(-1))",
    ],
    ids=[
        "two last words",
        "noise",
        "another Ready",
        "a tool that is not there",
        "a call out of turn",
        "a call left open",
    ],
)
def test_what_the_conversation_does_not_allow_ends_it(session: Any, source: str) -> None:
    observation = session.run(_FORGE + source + "\nimport time\ntime.sleep(1)")
    assert observation.outcome == "broke_protocol", observation.text
    assert _usable(session)


@pytest.mark.parametrize("status", [0, 1, 70])
def test_a_worker_that_ends_without_a_word_has_crashed(session: Any, status: int) -> None:
    observation = session.run(f"import os\nos._exit({status})")
    assert observation.outcome == "crashed"
    assert f"(status {status})" in observation.text
    assert _usable(session)


def test_a_tool_still_at_work_when_its_worker_dies_holds_nothing_up(runtime: Runtime) -> None:
    session = runtime.session()
    observation = session.run(
        _FORGE + "os.write(3, frame(messages.ToolCall(call=1, name='double', args=[1], kwargs={}))); os._exit(0)"
    )
    assert observation.outcome == "crashed"
    assert [call.name for call in observation.tool_calls] in ([], ["double"])
