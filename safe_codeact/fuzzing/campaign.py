"""Several targets one after the other, sharing a time: what `safe-codeact fuzz`, `make fuzz` and the pytest plug-in run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from safe_codeact.fuzzing import CLASSES, Setting, targets
from safe_codeact.fuzzing.findings import Finding
from safe_codeact.fuzzing.runner import Tally, explore

REGRESSIONS: Final = "regressions"  # the folder of findings that must hold
# Whole programs cost milliseconds where bytes cost microseconds: they get more of the time. Others count as 1.
_WEIGHTS: Final = {"gate": 4, "combined": 5, "kernel": 4}
_LEAST_SECONDS = 1.0


@dataclass(slots=True)
class Report:
    """What a campaign came to."""

    seed: int
    seconds: float = 0.0
    tallies: list[Tally] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        """All of them."""
        return [finding for tally in self.tallies for finding in tally.findings]

    @property
    def classes(self) -> Counter[str]:
        """How often each class was tried."""
        total: Counter[str] = Counter(dict.fromkeys(CLASSES, 0))
        for tally in self.tallies:
            total.update({name: count for name, count in tally.classes.items() if name in CLASSES})
        return total

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for `--json`."""
        return {
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "targets": [
                {
                    "target": tally.target,
                    "examples": tally.examples,
                    "alive": tally.alive,
                    "seconds": round(tally.seconds, 1),
                    "alive_per_second": round(tally.per_second, 1),
                    "findings": len(tally.findings),
                }
                for tally in self.tallies
            ],
            "classes": dict(self.classes),
            "findings": [
                {"target": finding.target, "claim": finding.claim, "seen": finding.seen, "file": str(path)}
                for finding, path in zip(self.findings, self.files, strict=True)
            ],
        }


def run(
    setting: Setting,
    names: Sequence[str],
    *,
    seconds: float,
    seed: int,
    folder: Path,
    progress: Callable[[Tally], None] | None = None,
    tools: str = "",
) -> Report:
    """Fuzz the targets of these names for `seconds` in all; findings become files in `folder`."""
    report = Report(seed)
    began = time.monotonic()
    left = sum(_WEIGHTS.get(name, 1) for name in names)
    for name in names:
        weight = _WEIGHTS.get(name, 1)
        share = max(_LEAST_SECONDS, (began + seconds - time.monotonic()) * weight / left)
        left -= weight
        tally = explore(targets.load(name), setting, seed=seed, seconds=share, progress=progress)
        report.tallies.append(tally)
        for finding in tally.findings:
            report.files.append(finding.with_tools(tools).write(folder))
    report.seconds = time.monotonic() - began
    return report


def fresh_seed() -> int:
    """A seed for a run that was given none; it is printed, so that the run can be had again."""
    return time.time_ns() % 1_000_000_007
