"""`safe-codeact policy test P…`: the examples of policies, judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from safe_codeact.policy.origins import Traced
    from safe_codeact.policy.rehearsal import Rehearsal


def policy_test(
    policies: Annotated[list[str], typer.Argument(metavar="P…", help="Shipped names, or paths.")],
    coverage: Annotated[bool, typer.Option("--coverage", help="Name every line that no example exercises.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Judge each policy's own examples by the gate; those that say what they show are run, confined, with the tools' answers.

    Exit status: 0 all hold, 1 one does not, 2 usage.
    """
    from safe_codeact.cli import terminal  # start-up time, as below
    from safe_codeact.cli.acting import act
    from safe_codeact.cli.audit import judge
    from safe_codeact.policy.origins import trace
    from safe_codeact.policy.rehearsal import rehearse

    done = []
    for name in policies:
        traced = trace(name)
        done.append((name, traced, rehearse(traced.policy, judge).with_acts(act(traced.policy))))
    if as_json:
        terminal.show_json({"policies": [{"policy": name, **each.to_dict()} for name, _, each in done]})
    else:
        for name, traced, each in done:
            terminal.show(_report(name, traced, each, coverage))
    return 0 if all(each.holds for _, _, each in done) else 1


def _report(name: str, traced: Traced, done: Rehearsal, coverage: bool) -> str:
    lines = []
    for outcome in done.outcomes:
        if outcome.complaint:
            place = traced.place("examples", outcome.number)
            lines.append(f"{place}: examples[{outcome.number}] {outcome.complaint}.")
    wrong, total = len(lines), len(done.outcomes)
    run = f", {done.run} of them run" if done.run else ""
    lines.append(f"{name}: {total - wrong} of {total} examples hold{run}.")
    for what, all_lines, idle in (("import", done.imports, done.idle_imports), ("tool", done.tools, done.idle_tools)):
        if all_lines:
            lines.append(
                f"  {len(all_lines) - len(idle)} of {len(all_lines)} {what} lines are exercised by an example."
            )
        if coverage and idle:
            lines.append(f"  Not exercised: {', '.join(idle)}.")
    return "\n".join(lines)
