"""The table and the JSON of a run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Answer, Figure, shown

_VERDICT = {True: "met", False: "missed", None: ""}


def markdown(machine: dict[str, str], answers: Sequence[Answer]) -> str:
    """All of it: where, what against which goal, how long each side took, and who is absent."""
    lines = ["| what | measured | goal | | from |", "|---|---|---|---|---|"]
    lines += [_row(figure) for answer in answers for figure in answer.figures]
    for answer in answers:
        if answer.bars:
            lines += [
                "",
                f"{answer.title}: milliseconds, median (middle half), p99",
                "",
                "| side | median | middle half | p99 |",
            ]
            lines.append("|---|---|---|---|")
            lines += [
                f"| {name} | {shown(sample.median)} | {sample.spread} | {shown(sample.at(0.99))} |"
                for name, sample in sorted(answer.bars.items(), key=lambda item: item[1].median)
            ]
        lines += (
            ["", *(f"Not in this run: {peer} ({why})." for peer, why in answer.absent.items())] if answer.absent else []
        )
    lines += ["", *(f"* {name}: {value}" for name, value in machine.items())]
    return "\n".join(lines) + "\n"


def _row(figure: Figure) -> str:
    value = f"{shown(figure.value)} {figure.unit}".strip()
    return f"| {figure.what} | {value} | {figure.goal} | {_VERDICT[figure.is_met]} | {figure.measured} |"


def write(folder: Path, machine: dict[str, str], answers: Sequence[Answer]) -> None:
    """`results.json` and `results.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {"machine": machine, "answers": [_plain(answer) for answer in answers]}
    (folder / "results.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(markdown(machine, answers), encoding="utf-8")


def _plain(answer: Answer) -> dict[str, object]:
    return {
        "question": answer.name,
        "title": answer.title,
        "figures": [
            {**dataclasses.asdict(figure), "goal": figure.goal, "met": figure.is_met} for figure in answer.figures
        ],
        "milliseconds": {
            name: {
                "median": sample.median,
                "p99": sample.at(0.99),
                "values": [round(value, 4) for value in sample.values],
            }
            for name, sample in answer.bars.items()
        },
        "lines": {name: {"x": list(x), "y": list(y)} for name, (x, y) in answer.lines.items()},
        "absent": answer.absent,
    }
