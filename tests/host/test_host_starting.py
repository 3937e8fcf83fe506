"""A zygote is started before its policy is read: what is refused leaves none, and it outlives no host while it waits."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from processes import children

from safe_codeact import InvalidPolicy, Policy, Runtime, SafeCodeActError
from safe_codeact.host import zygote

_WAITING = """
import os, sys, time
from pathlib import Path
from safe_codeact.host.zygote import Started
started = Started(Path("/dev/null/nowhere"))
copy = os.fork()
if copy == 0:
    time.sleep(120)
    os._exit(0)
print(started.process.pid, copy, flush=True)
sys.stdin.read()
"""
READING = Policy.from_dict(
    {"version": 1, "extends": "strict", "filesystem": {"read": [{"path": "/usr/share", "why": "a test"}]}}
)


def _held() -> tuple[set[int], set[str]]:
    return children(), set(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("policy", "options"),
    [("no-such-policy", {}), ("/nowhere/policy.yaml", {}), (READING, {"trail": "/usr/share/trail.jsonl"})],
    ids=["unknown", "unreadable", "a trail that actions could read"],
)
def test_what_is_refused_before_a_runtime_runs_leaves_no_process_and_no_descriptor(
    policy: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One was started each time, and is gone when the error arrives."""
    started = []
    make = zygote.Started.__init__

    def noting(self: zygote.Started, cache: Path) -> None:
        make(self, cache)
        started.append(self.process)

    monkeypatch.setattr(zygote.Started, "__init__", noting)
    before = _held()
    with pytest.raises((InvalidPolicy, SafeCodeActError)):
        Runtime(policy, **options)
    assert _held() == before
    assert [process.returncode for process in started] == [-signal.SIGKILL]


def test_a_zygote_that_waits_for_its_policy_ends_with_its_host_also_where_a_copy_holds_its_socket() -> None:
    """A forked copy of the host has the same descriptors, so no stream ends; the kernel says who is gone."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", _WAITING], stdin=pipe, stdout=pipe, text=True) as host:
        assert host.stdout is not None
        waiting, copy = map(int, host.stdout.readline().split())
        ending = os.pidfd_open(waiting)
        host.kill()
    try:
        assert select.select([ending], [], [], 60)[0]
        os.close(ending)
    finally:
        for pid in (waiting, copy):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
