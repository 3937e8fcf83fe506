"""A measurement and what is claimed of it. Sides take turns, so that a busy machine is as busy for all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Sample:
    """Milliseconds of one side, in the order in which they were taken."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def at(self, share: float) -> float:
        """The value that `share` of all stay under."""
        ordered = sorted(self.values)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    @property
    def spread(self) -> str:
        """The middle half, as text."""
        return f"{shown(self.at(0.25))}–{shown(self.at(0.75))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table. `at_most` / `at_least` bound `value`; None: reported only."""

    question: str
    what: str
    value: float
    unit: str  # "×", "ms", "MiB", ...
    measured: str  # the figures that it was worked out from, with their spread
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def goal(self) -> str:
        """As text."""
        bounds = [f"≤ {self.at_most:g} {self.unit}"] if self.at_most is not None else []
        bounds += [f"≥ {self.at_least:g} {self.unit}"] if self.at_least is not None else []
        return ", ".join(bounds)

    @property
    def is_met(self) -> bool | None:
        """None where there is no goal."""
        if self.at_most is None and self.at_least is None:
            return None
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )


@dataclass(slots=True)
class Answer:
    """What one question came to: lines of the table, and what its plot shows (`bars` of milliseconds, or `lines` over `x`)."""

    name: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    bars: dict[str, Sample] = field(default_factory=dict)
    lines: dict[str, tuple[Sequence[float], Sequence[float]]] = field(default_factory=dict)
    axes: tuple[str, str] = ("", "")
    absent: dict[str, str] = field(default_factory=dict)  # peer → why it is not in this run


def alternate(
    sides: Mapping[str, Callable[[], float | None]], rounds: int, *, pause: float = 0.0, warm: int = 3
) -> dict[str, Sample]:
    """Call the sides in turns. A side that measures itself returns milliseconds; else the call is timed."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + warm):
        for name, call in sides.items():
            time.sleep(pause)
            started = time.perf_counter()
            own = call()
            passed = 1000 * (time.perf_counter() - started) if own is None else own
            if number >= warm:
                taken[name].append(passed)
    return {name: Sample(tuple(values)) for name, values in taken.items()}


def shown(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
