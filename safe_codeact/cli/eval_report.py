"""The tables of `safe-codeact eval`, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from safe_codeact.evaluation.record import Record
from safe_codeact.evaluation.summary import METHOD, Difference, Estimate, FormatSummary, difference, summarize

_HEAD = ("actions", "solved", "success rate", "turns", "tokens", "calls")


def render(records: Sequence[Record], styles: Sequence[str], wanted: int) -> str:
    """A table of the formats, one of the domains, and the differences to the first format."""
    found = _summaries(records, styles)
    lines = [
        f"model {', '.join(sorted({record.model for record in records})) or '-'}, {len(records)} of {wanted} attempts"
    ]
    rows = [_HEAD, *map(_row, found)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEAD))]
    lines += [
        "",
        *("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows),
    ]
    lines += ["", *_domains(found)]
    lines += [_compared(one) for one in _differences(records, styles)]
    estimated = any(one.tokens_estimated for one in found)
    lines += ["", METHOD, "Tokens are prompts and replies together, " + (
        "estimated by size where the endpoint does not count." if estimated else "as the endpoint counts them."
    )]  # fmt: skip
    return "\n".join(lines)


def document(records: Sequence[Record], styles: Sequence[str], wanted: int) -> dict[str, Any]:
    """The same as plain data, with each record."""
    return {
        "wanted": wanted,
        "made": len(records),
        "method": METHOD,
        "formats": [asdict(one) for one in _summaries(records, styles)],
        "differences": [asdict(one) for one in _differences(records, styles)],
        "records": [asdict(record) for record in records],
    }


def _summaries(records: Sequence[Record], styles: Sequence[str]) -> list[FormatSummary]:
    return [one for one in (summarize(records, style) for style in styles) if one is not None]


def _differences(records: Sequence[Record], styles: Sequence[str]) -> list[Difference]:
    found = (difference(records, styles[0], style) for style in styles[1:])
    return [one for one in found if one is not None]


def _row(one: FormatSummary) -> tuple[str, ...]:
    return (
        one.style,
        f"{one.solved} of {one.runs}",
        _percent(one.rate),
        _figure(one.turns, 1),
        _figure(one.tokens, 0),
        f"{one.tool_calls:.1f}",
    )


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})".replace("%", " %")


def _figure(estimate: Estimate, digits: int) -> str:
    return f"{estimate.value:,.{digits}f} ({estimate.low:,.{digits}f} to {estimate.high:,.{digits}f})"


def _domains(found: Sequence[FormatSummary]) -> list[str]:
    names = sorted({name for one in found for name in one.domains})
    if len(names) < 2:
        return []
    lines = []
    for name in names:
        parts = [
            f"{one.style} {one.domains[name][0]} of {one.domains[name][1]}" for one in found if name in one.domains
        ]
        lines.append(f"{name}: {', '.join(parts)}")
    return [*lines, ""]


def _compared(one: Difference) -> str:
    rate = Estimate(one.rate.value * 100, one.rate.low * 100, one.rate.high * 100)
    return (
        f"{one.first} less {one.second}, over {one.tasks} tasks: success {_signed(rate, 1)} points, "
        f"turns {_signed(one.turns, 1)}, tokens {_signed(one.tokens, 0)}"
    )


def _signed(estimate: Estimate, digits: int) -> str:
    return f"{estimate.value:+,.{digits}f} ({estimate.low:+,.{digits}f} to {estimate.high:+,.{digits}f})"
