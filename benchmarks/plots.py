"""One small PNG per question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from benchmarks.figures import Answer, shown

_OURS = ("session", "AsyncSession", "new session", "safe_codeact", "Runtime", "import safe", "safe-codeact", "analysis")


def draw(folder: Path, answers: Sequence[Answer]) -> None:
    """Bars of medians (logarithmic, with the middle half), or lines over a logarithmic x."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    for answer in answers:
        if not answer.bars and not answer.lines:
            continue
        figure, axes = plt.subplots(figsize=(7, 0.8 + 0.32 * max(len(answer.bars), 6)), dpi=80)
        if answer.lines:
            for name, (x, y) in answer.lines.items():
                axes.plot(x, y, marker="o", label=name)
            axes.set(
                xscale="log",
                xlabel=answer.axes[0],
                ylabel=answer.axes[1],
                ylim=(0, max(2.0, *(max(y) for _, y in answer.lines.values()))),
            )
            axes.legend()
        else:
            ordered = sorted(answer.bars.items(), key=lambda item: -item[1].median)
            for place, (name, sample) in enumerate(ordered):
                low, high = sample.median - sample.at(0.25), sample.at(0.75) - sample.median
                colour = "#1f77b4" if name.startswith(_OURS) else "#b0b0b0"
                axes.barh(place, sample.median, color=colour, xerr=[[max(low, 0)], [max(high, 0)]])
                axes.annotate(f" {shown(sample.median)} ms", (sample.at(0.75), place), va="center", fontsize=8)
            axes.set_yticks(range(len(ordered)), [name for name, _ in ordered])
            axes.set(xscale="log", xlabel="milliseconds, logarithmic; the smaller the better")
            axes.margins(x=0.2)
        axes.set_title(answer.title, fontsize=10)
        figure.tight_layout()
        figure.savefig(folder / f"{answer.name}.png")
        plt.close(figure)
