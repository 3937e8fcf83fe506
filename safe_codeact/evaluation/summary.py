"""Success, turns and tokens per format, with 95 % intervals.

Rates: Wilson's score interval (E. B. Wilson, 1927), which stays within 0 and 1 and is right for few tasks and for rates
near the ends, where the usual one has no width. Several attempts at one task are not independent: a task counts once, with
the part of its attempts that solved it, and the interval's n is the number of tasks. Means and differences: the percentile
bootstrap over tasks, 2,000 resamples from a fixed seed; a difference is over tasks that both formats have, task by task.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from safe_codeact.evaluation.record import Record

METHOD = (
    "95 % intervals: Wilson's for rates (n = tasks), percentile bootstrap over tasks for means and differences "
    "(2,000 resamples, seed 0)."
)
_Z = 1.959963984540054
_RESAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatSummary:
    """One format: over `tasks` tasks, in `runs` runs, of which `solved` were solved."""

    style: str
    tasks: int
    runs: int
    solved: int
    rate: Estimate
    turns: Estimate
    tokens: Estimate
    tokens_estimated: bool
    tool_calls: float
    returned: int
    stopped_by: Mapping[str, int]
    domains: Mapping[str, tuple[int, int]]  # solved, of


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first format less the second, over the tasks that both have."""

    first: str
    second: str
    tasks: int
    rate: Estimate
    turns: Estimate
    tokens: Estimate


def wilson(successes: float, trials: int) -> Estimate:
    """Of `trials`, which must be at least 1; `successes` may be a sum of parts."""
    rate = successes / trials
    share = _Z * _Z / trials
    centre = (rate + share / 2) / (1 + share)
    half = _Z * math.sqrt(rate * (1 - rate) / trials + share / (4 * trials)) / (1 + share)
    # At the ends the bound is the end itself; floating point gives a last digit more or less.
    return Estimate(rate, 0.0 if rate == 0 else centre - half, 1.0 if rate == 1 else centre + half)


def bootstrap(values: Sequence[float]) -> Estimate:
    """The mean of at least one value."""
    chance = random.Random(0)  # noqa: S311 - resampling; the same figures for the same records
    size = len(values)
    means = sorted(sum(chance.choices(values, k=size)) / size for _ in range(_RESAMPLES))
    cut = round(_RESAMPLES * 0.025)
    return Estimate(sum(values) / size, means[cut], means[-cut - 1])


def summarize(records: Sequence[Record], style: str) -> FormatSummary | None:
    """None where there is no record of that format."""
    own = [record for record in records if record.style == style]
    if not own:
        return None
    parts = _by_task(own, lambda record: float(record.solved))
    stopped: dict[str, int] = defaultdict(int)
    domains: dict[str, tuple[int, int]] = {}
    for record in own:
        stopped[record.stopped_by] += 1
        domain = record.task.partition("/")[0]
        solved, count = domains.get(domain, (0, 0))
        domains[domain] = (solved + record.solved, count + 1)
    return FormatSummary(
        style=style,
        tasks=len(parts),
        runs=len(own),
        solved=sum(record.solved for record in own),
        rate=wilson(math.fsum(parts.values()), len(parts)),
        turns=bootstrap(list(_by_task(own, lambda record: record.turns).values())),
        tokens=bootstrap(list(_by_task(own, lambda record: record.tokens).values())),
        tokens_estimated=any(record.tokens_estimated for record in own),
        tool_calls=sum(record.tool_calls for record in own) / len(own),
        returned=sum(record.returned for record in own),
        stopped_by=dict(stopped),
        domains=domains,
    )


def difference(records: Sequence[Record], first: str, second: str) -> Difference | None:
    """None where no task has both."""
    measures: list[Callable[[Record], float]] = [lambda one: one.solved, lambda one: one.turns, lambda one: one.tokens]
    found = []
    for measure in measures:
        ours = _by_task([record for record in records if record.style == first], measure)
        theirs = _by_task([record for record in records if record.style == second], measure)
        found.append([ours[task] - theirs[task] for task in ours if task in theirs])
    if not found[0]:
        return None
    rate, turns, tokens = map(bootstrap, found)
    return Difference(first=first, second=second, tasks=len(found[0]), rate=rate, turns=turns, tokens=tokens)


def _by_task(records: Sequence[Record], measure: Callable[[Record], float]) -> dict[str, float]:
    """The mean over the attempts of each task."""
    found: dict[str, list[float]] = defaultdict(list)
    for record in records:
        found[record.task].append(measure(record))
    return {task: sum(values) / len(values) for task, values in found.items()}
