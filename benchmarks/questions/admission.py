"""Five hundred sessions ask at once: is anybody starved, and does memory stay bounded?"""

from __future__ import annotations

import itertools
import statistics
import threading
import time

from benchmarks.figures import Answer, Figure
from safe_codeact import Runtime, Session

SESSIONS = 500
WORKERS = 8


def ask(scale: float) -> Answer:
    """All of them at once, with few workers; what is alive is counted meanwhile."""
    number = max(int(SESSIONS * min(scale, 1.0)), 100)
    answer = Answer("admission", f"{number} sessions ask at once, {WORKERS} workers")
    most, ends = 0, threading.Event()
    with Runtime("strict", max_workers=WORKERS, standby=2) as runtime:
        launcher = runtime._core.launcher
        sessions = [runtime.session() for _ in range(number)]
        begin = threading.Barrier(number + 1)
        finished: list[tuple[float, float]] = []

        def ask_one(session: Session) -> None:
            begin.wait()
            observation = session.run("sum(range(1000))")
            assert observation.value == "499500", observation
            finished.append((time.perf_counter(), observation.usage.queued_seconds))

        def look() -> None:
            nonlocal most
            while not ends.wait(0.002):
                most = max(most, len(launcher._alive))

        threads = [threading.Thread(target=ask_one, args=(session,)) for session in sessions]
        watcher = threading.Thread(target=look)
        for thread in (*threads, watcher):
            thread.start()
        begin.wait()
        started = time.perf_counter()
        for thread in threads:
            thread.join()
        ends.set()
        watcher.join()
    waits = [queued for _, queued in finished]
    gaps = sorted(moment - started for moment, _ in finished)
    steps = [later - earlier for earlier, later in itertools.pairwise(gaps)]
    total = gaps[-1]
    answer.figures = [
        Figure(question="admission", what="sessions answered", value=len(finished) / number, unit="×", at_least=1.0,
               measured=f"{len(finished)} of {number} in {total:.2f} s"),
        Figure(question="admission", what="workers alive at once, at the most", value=most, unit="", at_most=WORKERS,
               measured=f"max_workers={WORKERS}"),
        Figure(question="admission", what="longest queue : whole run", value=max(waits) / total, unit="×", at_most=1.0,
               measured=f"queued_seconds: median {statistics.median(waits):.2f}, most {max(waits):.2f}; longest gap between "
                        f"two answers {1000 * max(steps):.0f} ms"),
    ]  # fmt: skip
    return answer
