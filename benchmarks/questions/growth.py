"""Does an action cost more when there are many sessions, or after many turns?"""

from __future__ import annotations

import statistics
import time

from benchmarks.figures import Answer, Figure, shown
from safe_codeact import Runtime
from safe_codeact.session import Session

MOST = 10_000
PROBES = 40


def ask(scale: float) -> Answer:
    """Medians of a few actions at 1, 10, 100, … sessions, and after as many turns; each beside a fresh runtime's, in turns."""
    answer = Answer("growth", "Cost of one action, against a runtime with one session and no history")
    answer.axes = ("sessions, or turns", "× of the first")
    most = max(int(MOST * min(scale, 1.0)), 1000)
    points = [point for point in (1, 10, 100, 1000, 10_000) if point <= most]
    with Runtime("strict") as fresh, Runtime("strict") as crowded, Runtime("strict") as old:
        reference, veteran = fresh.session(), old.session()
        _turn(reference), _turn(veteran)
        sessions = [crowded.session()]
        many: list[float] = []
        long: list[float] = []
        turns = 1
        for point in points:
            while len(sessions) < point:
                sessions.append(crowded.session())
                _turn(sessions[-1])
            while turns < point:
                _turn(veteran)
                turns += 1
            many.append(_against(sessions, [reference]))
            long.append(_against([veteran], [reference]))
            turns += PROBES
    answer.lines = {"sessions": (points, many), "turns": (points, long)}
    for name, values in (("sessions", many), ("turns", long)):
        answer.figures.append(
            Figure(
                question="growth", what=f"action at {points[-1]:,} {name} : in a fresh runtime", value=values[-1], unit="×",
                at_most=1.25, measured=", ".join(f"{point:,}: {shown(value)}" for point, value in zip(points, values, strict=True)),
            )
        )  # fmt: skip
    return answer


def _turn(session: Session) -> None:
    observation = session.run("x = 1")
    assert observation.outcome == "completed", observation.text


def _against(sessions: list[Session], reference: list[Session]) -> float:
    """The median over pairs: one of the sessions, then the reference."""
    step = max(len(sessions) // PROBES, 1)
    ratios = []
    for number in range(PROBES):
        pair = []
        for session in (sessions[number * step % len(sessions)], reference[0]):
            time.sleep(0.02)
            started = time.perf_counter()
            _turn(session)
            pair.append(time.perf_counter() - started)
        ratios.append(pair[0] / pair[1])
    return statistics.median(ratios)
