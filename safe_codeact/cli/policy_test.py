"""`safe-codeact policy test P…`: the examples of policies, judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from safe_codeact.policy.coverage import LineUse
    from safe_codeact.policy.origins import Traced
    from safe_codeact.policy.rehearsal import Rehearsal


def policy_test(
    policies: Annotated[list[str], typer.Argument(metavar="P…", help="Shipped names, or paths.")],
    coverage: Annotated[
        bool,
        typer.Option(
            "--coverage", help="Name every line that no example exercises, and who proves those that none can."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Judge each policy's own examples by the gate; those that say what they show are run, confined, with the tools' answers.

    Exit status: 0 all hold, 1 one does not, 2 usage.
    """
    from safe_codeact.cli import terminal  # start-up time, as below
    from safe_codeact.cli.acting import act
    from safe_codeact.cli.audit import judge
    from safe_codeact.policy.coverage import coverage as line_uses
    from safe_codeact.policy.origins import trace
    from safe_codeact.policy.rehearsal import rehearse

    done = []
    for name in policies:
        traced = trace(name)
        acted = list(act(traced.policy))
        judged = rehearse(traced.policy, judge).with_acts((each.number, each.complaint) for each in acted)
        reached = {path for each in acted if not each.complaint for path in each.reached}
        done.append((name, traced, judged, line_uses(traced, judge, judged, reached)))
    if as_json:
        terminal.show_json(
            {
                "policies": [
                    {"policy": name, **each.to_dict(), "lines": [line.to_dict() for line in lines]}
                    for name, _, each, lines in done
                ]
            }
        )
    else:
        for name, traced, each, lines in done:
            terminal.show("\n".join([*_said(name, traced, each), *_coverage(name, lines, coverage)]))
    return 0 if all(each.holds for _, _, each, _ in done) else 1


def _said(name: str, traced: Traced, done: Rehearsal) -> list[str]:
    lines = []
    for outcome in done.outcomes:
        if outcome.complaint:
            place = traced.place("examples", outcome.number)
            lines.append(f"{place}: examples[{outcome.number}] {outcome.complaint}.")
    wrong, total = len(lines), len(done.outcomes)
    run = f", {done.run} of them run" if done.run else ""
    return [*lines, f"{name}: {total - wrong} of {total} examples hold{run}."]


def _coverage(name: str, lines: Sequence[LineUse], is_full: bool) -> Iterator[str]:
    """By section; the lines that no example can exercise with who proves them."""
    from safe_codeact.policy.coverage import ELSEWHERE  # start-up time

    for section in dict.fromkeys(line.section for line in lines if not line.elsewhere):
        mine = [line for line in lines if line.section == section and not line.elsewhere]
        idle = [line for line in mine if not line.is_exercised]
        yield f"  {len(mine) - len(idle)} of {len(mine)} {section} lines are exercised by an example."
        if is_full and idle:
            yield "  Not exercised:"
            yield from (f"    {line.place}: {line.path}" for line in idle)
    for why in dict.fromkeys(line.elsewhere for line in lines if line.elsewhere) if is_full else ():
        paths = ", ".join(line.path for line in lines if line.elsewhere == why)
        yield f"  No example can exercise {paths}: {ELSEWHERE[why].replace('…', name)}."
