"""How many actions per second do eight busy sessions get, and does one of them wait for ever?"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.figures import Answer, Figure, Sample, shown
from benchmarks.peers import Run, opened
from benchmarks.plain import QUIET, preload
from benchmarks.policies import TABLES
from safe_codeact import Runtime

WIDTH = 8
SECONDS = 3.0
ROUNDS = 3
SOURCE = "1 + 1"


def ask(scale: float) -> Answer:
    """Rounds in which every side works as hard as it can, one after the other."""
    answer = Answer("throughput", f"Actions per second, {WIDTH} sessions")
    seconds = max(SECONDS * scale, 0.5)
    rates: dict[str, list[float]] = {}
    waits: list[float] = []
    with contextlib.ExitStack() as stack:
        runtime = stack.enter_context(Runtime(TABLES, standby=WIDTH))
        sessions = [runtime.session() for _ in range(WIDTH)]
        kernels: list[Run] = []
        for _ in range(WIDTH):
            here, answer.absent = stack.enter_context(opened(("ipykernel",)))
            kernels += here.values()
        for _ in range(ROUNDS):
            rate, took = _hammer([lambda session=session: session.run(SOURCE) for session in sessions], seconds)
            waits += took
            rates.setdefault("safe_codeact", []).append(rate)
            rates.setdefault("fork and wait", []).append(_forked(seconds))
            if len(kernels) == WIDTH:
                rate, _ = _hammer([lambda kernel=kernel: kernel(SOURCE) for kernel in kernels], seconds)
                rates.setdefault("ipykernel per session", []).append(rate)
    taken = {name: Sample(tuple(1000 / rate for rate in values)) for name, values in rates.items()}
    answer.bars = taken
    ours = 1000 / taken["safe_codeact"].median
    for name, at_least in (("fork and wait", 0.7), ("ipykernel per session", 1.5)):
        if name in taken:
            theirs = 1000 / taken[name].median
            answer.figures.append(
                Figure(
                    question="throughput", what=f"sessions : {name}", value=ours / theirs, unit="×", at_least=at_least,
                    measured=f"{shown(ours)}/s : {shown(theirs)}/s",
                )
            )  # fmt: skip
    middle = statistics.median(waits)
    answer.figures.append(
        Figure(
            question="throughput", what="longest wait : median wait", value=max(waits) / middle, unit="×", at_most=5.0,
            measured=f"{shown(max(waits))} ms : {shown(middle)} ms over {len(waits):,} actions",
        )
    )  # fmt: skip
    return answer


def _hammer(calls: list[Callable[[], object]], seconds: float) -> tuple[float, list[float]]:
    """Actions per second of threads that call as often as they can, and how long each took (ms)."""
    begin = threading.Barrier(len(calls))

    def work(call: Callable[[], object]) -> list[float]:
        call()
        begin.wait()
        took, end = [], time.perf_counter() + seconds
        while (started := time.perf_counter()) < end:
            call()
            took.append(1000 * (time.perf_counter() - started))
        return took

    with ThreadPoolExecutor(len(calls)) as pool:
        each = list(pool.map(work, calls))
    took = [one for some in each for one in some]
    return len(took) / seconds, took


def _forked(seconds: float) -> float:
    """Actions per second of a preloaded process that keeps as many children."""
    done = subprocess.run(
        [sys.executable, "-c", f"from benchmarks.questions import throughput; throughput.main({seconds!r})"],
        capture_output=True, text=True, check=True, env={**os.environ, **QUIET, "MPLBACKEND": "Agg"},
    )  # fmt: skip
    return float(done.stdout)


def _fork_for(seconds: float) -> float:
    """In the preloaded process: WIDTH children at a time, each running one action and sending its value's text."""
    children: dict[int, int] = {}
    done, end = 0, time.perf_counter() + seconds
    started = time.perf_counter()
    while time.perf_counter() < end:
        while len(children) < WIDTH:
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                os.write(write, repr(eval(compile(SOURCE, "<action>", "eval"), {})).encode())
                os._exit(0)
            os.close(write)
            children[child] = read
        pid, _ = os.wait()
        read = children.pop(pid)
        os.read(read, 4096)
        os.close(read)
        done += 1
    rate = done / (time.perf_counter() - started)
    for _pid in children:
        os.wait()
    return rate


def main(seconds: float) -> None:
    """In a process of its own."""
    preload(TABLES.to_plain())
    print(_fork_for(seconds))
