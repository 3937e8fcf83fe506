"""One question per file; each binds `ask(scale)`, which takes about `scale` × a minute and returns an `Answer`."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.figures import Answer
from benchmarks.questions import admission, density, growth, latency, start, throughput, tool_calls, wide

QUESTIONS: dict[str, Callable[[float], Answer]] = {
    "latency": latency.ask,
    "start": start.ask,
    "throughput": throughput.ask,
    "density": density.ask,
    "tool-calls": tool_calls.ask,
    "wide": wide.ask,
    "admission": admission.ask,
    "growth": growth.ask,
}
