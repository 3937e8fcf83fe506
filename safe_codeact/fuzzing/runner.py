"""Tries a target: examples from a seed, for a number of them or for a time; what fails is shrunk.

Hypothesis makes and shrinks the examples, in rounds with seeds of their own (`seed + round`), because it knows no budget
of time. Its database of earlier examples is off: a run depends on its seed alone. Within a round the time is looked at
before each example, and shrinking has a time of its own.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Flaky, HypothesisException

from safe_codeact.fuzzing import Escape, Run, Setting, Target
from safe_codeact.fuzzing.findings import Finding

ROUND = 250  # examples of one seed
SHRINK_SECONDS = 20.0
MOST_FINDINGS = 10  # of one target: more would be the same hole again
MOST_ALIKE = 2


@dataclass(slots=True)
class Tally:
    """What a run of one target came to. `alive`: examples that reached what it is about."""

    target: str
    seed: int
    examples: int = 0
    alive: int = 0
    seconds: float = 0.0
    classes: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    examples_to_first: int | None = None  # how many were tried when the first finding came

    @property
    def per_second(self) -> float:
        """Examples per second that reached what the target is about."""
        return self.alive / self.seconds if self.seconds else 0.0


def explore(
    target: Target,
    setting: Setting,
    *,
    seed: int,
    seconds: float | None = None,
    examples: int | None = None,
    progress: Callable[[Tally], None] | None = None,
    stop_at_first: bool = False,
    shrink_seconds: float = SHRINK_SECONDS,
) -> Tally:
    """Try `target` until a budget is used up: `seconds` of examples (shrinking comes on top), or a number of `examples`."""
    if seconds is None and examples is None:
        raise ValueError("explore() needs a budget: seconds, or examples")
    tally = Tally(target.name, seed)
    with target.open(setting) as run:
        began = time.monotonic()
        trial = _Trial(target, setting, run, tally, progress)
        number = 0
        while not trial.is_over(began, seconds, examples):
            left = ROUND if examples is None else min(ROUND, examples - tally.examples)
            until = None if seconds is None else began + seconds
            found = trial.round(seed + number, left, until, shrink_seconds)
            number += 1
            if found is not None and not _is_known(found, tally.findings):
                tally.findings.append(found)
            if tally.findings and (stop_at_first or len(tally.findings) >= MOST_FINDINGS):
                break
        tally.seconds = time.monotonic() - began
    return tally


def _is_known(found: Finding, findings: list[Finding]) -> bool:
    """The same example, or the same thing seen for the third time: most likely the same hole."""
    alike = [other for other in findings if (other.claim, other.seen) == (found.claim, found.seen)]
    return len(alike) >= MOST_ALIKE or any(found.example == other.example for other in alike)


class _Trial:
    """One target, open, with what has been counted so far."""

    def __init__(
        self, target: Target, setting: Setting, run: Run, tally: Tally, progress: Callable[[Tally], None] | None
    ) -> None:
        self._target = target
        self._setting = setting
        self._run = run
        self._tally = tally
        self._progress = progress
        self._failed: list[tuple[Any, Escape]] = []

    def is_over(self, began: float, seconds: float | None, examples: int | None) -> bool:
        if examples is not None and self._tally.examples >= examples:
            return True
        return seconds is not None and time.monotonic() - began >= seconds

    def round(self, seed: int, examples: int, until: float | None, shrink_seconds: float) -> Finding | None:
        """One seed. The finding, if there was one, as small as the time allowed."""
        self._failed = []
        shrink_until = [0.0]

        def attempt(example: Any) -> None:
            now = time.monotonic()
            if self._failed:
                if now >= shrink_until[0]:
                    return
            elif until is not None and now >= until:
                return
            try:
                self._try(example)
            except Escape as escape:
                if not self._failed:
                    shrink_until[0] = time.monotonic() + shrink_seconds
                    self._tally.examples_to_first = self._tally.examples_to_first or self._tally.examples
                self._failed.append((example, escape))
                raise

        phases = [Phase.generate, Phase.shrink] if self._target.repeatable else [Phase.generate]
        configured = hypothesis.settings(
            max_examples=examples,
            phases=phases,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=False,
            verbosity=hypothesis.Verbosity.quiet,
        )
        given = hypothesis.given(self._target.examples(self._setting))(attempt)
        try:
            hypothesis.seed(seed)(configured(given))()
        except (Escape, Flaky):
            if not self._failed:
                raise
        except HypothesisException as mistake:
            raise RuntimeError(f"target {self._target.name}: {mistake}") from mistake
        return self._smallest(seed) if self._failed else None

    def _try(self, example: Any) -> None:
        if not self._failed:
            self._tally.examples += 1
        course = self._run(example)
        if self._failed:
            return
        self._tally.alive += course.alive
        self._tally.classes.update(course.classes)
        if self._progress is not None:
            self._progress(self._tally)

    def _smallest(self, seed: int) -> Finding:
        """Of what failed by the same claim as the last one, which is where shrinking got to, the shortest."""
        claim = self._failed[-1][1].claim
        same = [(example, escape) for example, escape in self._failed if escape.claim == claim]
        example, escape = min(reversed(same), key=lambda failed: len(json.dumps(failed[0])))
        return Finding(
            target=self._target.name,
            claim=escape.claim,
            seen=escape.seen,
            example=example,
            seed=seed,
            policy=self._setting.policy.to_plain(),
        )
