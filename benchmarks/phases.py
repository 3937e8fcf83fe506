"""Where an action's time goes inside a worker, phase by phase: processor time (µs) and pages copied. `python -m benchmarks.phases`

The worker is a real one but for its lockdown: a process that was prepared as a zygote is forks, and the child serves one
request with a clock around each phase. Processor time and page faults, because they mean something on a busy machine.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import resource
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.policies import TABLES
from safe_codeact.policy.effective import Policy
from safe_codeact.wire import messages
from safe_codeact.wire.conversation import Conversation

ROUNDS = 40
SOURCES = {
    "1 + 1": "1 + 1",
    "pandas": "import pandas as pd\npd.DataFrame({'a': [1, 2, 3], 'b': [4, 5, 6]}).groupby('a')['b'].sum().tolist()",
}


class Clock:
    """Adds up what wrapped functions took, without what wrapped functions inside them took."""

    def __init__(self) -> None:
        self.taken: dict[str, tuple[float, int]] = {}
        self._inner: list[list[float]] = []

    def wrap(self, owner: Any, name: str, phase: str) -> None:
        """Replace a function of a module, or a method of a class."""
        function = vars(owner)[name]
        plain = function.__func__ if isinstance(function, classmethod) else function

        @functools.wraps(plain)
        def timed(*arguments: Any, **options: Any) -> Any:
            return self.during(phase, plain, *arguments, **options)

        setattr(owner, name, classmethod(timed) if isinstance(function, classmethod) else timed)

    def during(self, phase: str, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call it, as part of a phase."""
        self._inner.append([0.0, 0])
        before = _now()
        try:
            return call(*arguments, **options)
        finally:
            after = _now()
            spent = [after[0] - before[0], after[1] - before[1]]
            inner = self._inner.pop()
            had = self.taken.get(phase, (0.0, 0))
            self.taken[phase] = (had[0] + spent[0] - inner[0], had[1] + int(spent[1] - inner[1]))
            if self._inner:
                self._inner[-1][0] += spent[0]
                self._inner[-1][1] += spent[1]


def _now() -> tuple[float, int]:
    return time.process_time() * 1e6, resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def _instrument(clock: Clock) -> None:
    from safe_codeact.guest import audit, channel, worker
    from safe_codeact.guest.state import State

    clock.wrap(worker, "judge", "judge and compile")
    clock.wrap(worker._Action, "_arrange", "builtins, facades, tools")
    clock.wrap(State, "load", "restore names")
    clock.wrap(worker._Action, "_run", "run")
    clock.wrap(State, "save", "save names")
    clock.wrap(channel.Channel, "send", "write frames")
    clock.wrap(audit, "install", "audit hook")


def measure(policy: Policy, source: str, rounds: int) -> dict[str, tuple[float, float]]:
    """Medians by phase: microseconds and pages."""
    from safe_codeact.guest import worker

    equipment = worker.Equipment.load(policy)
    gc.collect()
    gc.freeze()
    runs: list[dict[str, tuple[float, int]]] = [_one(equipment, source) for _ in range(rounds)]
    return {
        phase: (
            statistics.median(run.get(phase, (0.0, 0))[0] for run in runs),
            statistics.median(run.get(phase, (0.0, 0))[1] for run in runs),
        )
        for phase in runs[0]
    }


def calls(policy: Policy, source: str) -> int:
    """How many functions a worker calls from the request to the last word."""
    from safe_codeact.guest import worker

    equipment = worker.Equipment.load(policy)
    return _one(equipment, source, count=True)["calls"][1]


def _one(equipment: Any, source: str, *, count: bool = False) -> dict[str, tuple[float, int]]:
    """Fork, serve one request, and read what the child measured."""
    from safe_codeact.guest import worker

    ours, theirs = socket.socketpair()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _serve(worker, equipment, theirs, write, count)
            status = 0
        finally:
            os._exit(status)
    theirs.close()
    os.close(write)
    conversation = Conversation(output_limit=1 << 20)
    while not conversation.receive(ours.recv(1 << 16)):
        pass
    time.sleep(0.05)
    request = messages.Execute(source=source, tools=[], segments=0, wall_seconds=30.0, workspace="")
    with tempfile.TemporaryFile() as segment:
        socket.send_fds(ours, [conversation.send(request)], [segment.fileno()])
        while not conversation.finished:
            conversation.receive(ours.recv(1 << 16))
    with open(read, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    ours.close()
    return {phase: (spent, int(pages)) for phase, (spent, pages) in json.loads(said).items()}


def _serve(worker: Any, equipment: Any, connection: socket.socket, write: int, count: bool) -> None:
    from safe_codeact.guest.channel import Channel

    null = os.open(os.devnull, os.O_WRONLY)  # as in a worker, whose 0, 1 and 2 it is
    os.dup2(null, 1)
    clock = Clock()
    rehearse = worker._rehearse
    first = Channel.first

    def before(*arguments: Any) -> None:
        clock.during("(standing by: rehearsal)", rehearse, *arguments)
        clock.taken["(private dirty KiB of the standby)"] = (0.0, _dirty_kib())

    called = 0

    def profile(_frame: Any, event: str, _argument: object) -> None:
        nonlocal called
        called += event in ("call", "c_call")

    def start(channel: Channel) -> Any:
        request = first(channel)
        if count:
            sys.setprofile(profile)
            return request
        _instrument(clock)
        clock.began = _now()  # type: ignore[attr-defined]
        return request

    worker._rehearse = before
    Channel.first = start  # type: ignore[method-assign]
    worker.serve(equipment, connection, _Empty())
    if count:
        os.write(write, json.dumps({"calls": (0, called)}).encode())
        return
    ended = _now()
    began = clock.began  # type: ignore[attr-defined]
    known = [value for phase, value in clock.taken.items() if not phase.startswith("(")]
    clock.taken["the rest"] = (
        ended[0] - began[0] - sum(spent for spent, _ in known),
        ended[1] - began[1] - sum(pages for _, pages in known),
    )
    os.write(write, json.dumps(clock.taken).encode())


def _dirty_kib() -> int:
    with open("/proc/self/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Private_Dirty:"))


class _Empty:
    """A receipt of a worker that was not locked down: there is nobody here who would check it."""

    def to_plain(self) -> dict[str, Any]:
        """As a message carries it."""
        return {}


def main() -> None:
    """The table, for each source."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    for name, source in SOURCES.items():
        table = measure(TABLES, source, rounds)
        print(f"\n| phase inside the worker, `{name}` | processor µs | pages |\n|---|---|---|")
        total = [0.0, 0.0]
        for phase, (spent, pages) in table.items():
            print(f"| {phase} | {spent:,.0f} | {pages:,.0f} |")
            if not phase.startswith("("):
                total = [total[0] + spent, total[1] + pages]
        print(f"| **from the request to the last word** | {total[0]:,.0f} | {total[1]:,.0f} |")


if __name__ == "__main__":
    main()
