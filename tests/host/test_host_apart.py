"""`isolation.zygote: session`: each session's workers are forked from a process of its own, which ends with the session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from safe_codeact import Policy, Runtime, Session

_APART = {
    "version": 1, "extends": "strict", "isolation": {"zygote": "session"}, "filesystem": {"workspace": "rw"},
    "language": {"restricted": False},
}  # fmt: skip
# The same in all processes that were forked from one.
_ADDRESS = "id(None), id(int), id(print)"


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime(Policy.from_dict(_APART)) as made:
        yield made


def zygote_of(session: Session) -> int:
    return session._state.launcher._zygote.pid


def test_two_sessions_have_two_zygotes_and_two_memory_layouts(runtime: Runtime) -> None:
    one, other = runtime.session(), runtime.session()
    assert len({zygote_of(one), zygote_of(other), runtime._core.launcher._zygote.pid}) == 3
    seen = [session.run(_ADDRESS).value for session in (one, one, other)]
    assert seen[0] == seen[1] != seen[2]
    one.close()
    other.close()


def test_a_session_that_is_closed_leaves_no_zygote_and_the_others_go_on(runtime: Runtime) -> None:
    one, other = runtime.session(), runtime.session()
    assert one.run("x = 1").outcome == other.run("x = 2").outcome == "completed"
    one.files.write("a", b"1")
    pid, slots = zygote_of(one), one._state.launcher.slots
    one.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not slots.exists()
    assert other.run("x").value == "2"
    fork = other.fork()
    assert zygote_of(fork) != zygote_of(other)
    assert fork.run("x + 1").value == "3"
    fork.close()
    other.close()


def test_a_runtime_that_is_closed_leaves_no_zygote_of_any_session() -> None:
    with Runtime(Policy.from_dict(_APART)) as runtime:
        pids = [zygote_of(runtime.session()) for _ in range(2)]
        folder = runtime._core.folder
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not folder.exists()


def test_sessions_of_an_ordinary_policy_share_the_runtimes_zygote() -> None:
    with Runtime("strict") as runtime:
        assert zygote_of(runtime.session()) == zygote_of(runtime.session()) == runtime._core.launcher._zygote.pid
