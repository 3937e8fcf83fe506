"""How long does one trivial action take in a live session, and what do peers take?"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable

from benchmarks.figures import Answer, Figure, Sample, alternate, shown
from benchmarks.peers import opened
from benchmarks.plain import Plain
from benchmarks.policies import TABLES
from safe_codeact import AsyncRuntime, Runtime

SOURCE = "1 + 1"
PAUSE_SECONDS = 0.03  # between any two: a model takes longer; without it every action also pays for the next worker
ROUNDS = 100


def ask(scale: float) -> Answer:
    """Every side in turns: the session, its asynchronous twin, a new session, a plain fork, and the peers."""
    answer = Answer("latency", "One trivial action (numpy and pandas preloaded)")
    with contextlib.ExitStack() as stack:
        runtime = stack.enter_context(Runtime(TABLES))
        session = runtime.session()
        plain = stack.enter_context(contextlib.closing(Plain(TABLES)))
        loop = stack.enter_context(contextlib.closing(asyncio.new_event_loop()))
        aio = AsyncRuntime(TABLES)
        stack.callback(lambda: loop.run_until_complete(aio.close()))
        turn = loop.run_until_complete(aio.session())
        peers, answer.absent = stack.enter_context(opened())
        sides: dict[str, Callable[[], float | None]] = {
            "session": lambda: _check(session.run(SOURCE).value),
            "AsyncSession": lambda: _check(loop.run_until_complete(turn.run(SOURCE)).value),
            "new session": lambda: _fresh(runtime),
            "fork and wait": lambda: plain.run(SOURCE),
        }
        for name, run in peers.items():
            sides[name] = functools.partial(_silent, run)
        answer.bars = alternate(sides, max(int(ROUNDS * scale), 10), pause=PAUSE_SECONDS)
    answer.figures = _figures(answer.bars)
    return answer


def _figures(taken: dict[str, Sample]) -> list[Figure]:
    ours = taken["session"]

    def against(name: str, *, of: str, at_most: float | None, what: str) -> Figure:
        one, other = taken[name], taken[of]
        return Figure(
            question="latency",
            what=what,
            value=one.median / other.median,
            unit="×",
            at_most=at_most,
            measured=f"{shown(one.median)} ms ({one.spread}) : {shown(other.median)} ms ({other.spread})",
        )

    figures = [
        against("session", of="fork and wait", at_most=0.5, what="action : plain unprotected fork and wait"),
        Figure(question="latency", what="action, p50", value=ours.median, unit="ms", at_most=1.0, measured=ours.spread),
        Figure(
            question="latency", what="action, p99", value=ours.at(0.99), unit="ms", at_most=5.0, measured=ours.spread
        ),
        against("AsyncSession", of="session", at_most=1.3, what="the same through AsyncSession : session"),
        against("new session", of="session", at_most=1.5, what="new session's first result : action in a live one"),
    ]
    others = [name for name in taken if name not in ("session", "AsyncSession", "new session", "fork and wait")]
    return figures + [against("session", of=name, at_most=None, what=f"action : {name}") for name in others]


def _check(value: str | None) -> None:
    assert value == "2", value


def _silent(run: Callable[[str], object]) -> None:
    run(SOURCE)


def _fresh(runtime: Runtime) -> None:
    with runtime.session() as session:
        _check(session.run(SOURCE).value)
