"""`safe-codeact policy explain P`: what a policy grants, in plain words; with `--why`, about one piece of code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from safe_codeact import Finding, GateReport
    from safe_codeact.policy.origins import Traced


def policy_explain(
    policy: Annotated[str, typer.Argument(metavar="P", help="A shipped policy's name, or a path.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="For a review.")] = False,
    why: Annotated[
        str | None, typer.Option(metavar="CODE", help="Say which line allows or refuses this piece of code.")
    ] = None,
) -> int:
    """Say in plain words what code under a policy can do, down to the system calls.

    Exit status: 0; with --why, 1 where the code is refused; 2 where the policy does not load.
    """
    from safe_codeact.audit.explanation import as_markdown, as_text, explain  # start-up time, as below
    from safe_codeact.cli import terminal
    from safe_codeact.cli.audit import judge
    from safe_codeact.policy.origins import trace

    traced = trace(policy)
    if why is not None:
        tools = [rule.name for rule in traced.policy.tools if rule.name != "*" and not rule.deny]
        report = judge(why, traced.policy, tools)
        terminal.show("\n".join(reasons(traced, report)))
        return 0 if report.allowed else 1
    form = as_markdown if markdown else as_text
    terminal.show(form(traced.policy, explain(traced.policy)))
    return 0


def reasons(traced: Traced, report: GateReport) -> Iterator[str]:
    """Why the gate says what it says: the verdict, and each import, tool and finding with its line."""
    yield f"{'Allowed' if report.allowed else 'Refused'} under {traced.policy.name}."
    if not traced.policy.language.restricted and report.allowed:
        yield f"  The gate is off, so anything goes: {traced.place('language', 'restricted')}, `restricted: false`."
        return
    refused = "\n".join(finding.message for finding in report.findings)
    lines = traced.lines_of("language", "imports", key="module")
    for module in report.imports:
        if f"`{module}`" not in refused:
            yield f"  import {module}: {_allowing(traced, module, list(lines))}"
    for tool in report.tools:
        yield f"  tool {tool}: {traced.place('tools', tool) or traced.place('tools', '*')} lets it exist."
    for finding in report.findings:
        yield f"  {finding}"
        yield f"    {_refusing(traced, finding)}"


def _allowing(traced: Traced, module: str, lines: list[str]) -> str:
    from safe_codeact.policy.parts import importable  # start-up time

    above = module if module in lines else next((each for each in lines if module in importable([each])), None)
    if above is None:
        return "the gate itself knows it; no line is needed."
    where = _line(traced, above)
    return f"allowed by {where}." if above == module else f"comes with {above}, which {where} allows."


def _line(traced: Traced, module: str) -> str:
    mark = traced.lines_of("language", "imports", key="module")[module].mark
    return f"{mark.file}:{mark.line}"


def _refusing(traced: Traced, finding: Finding) -> str:
    gone = [
        f"{where} takes {module} away" for module, where in traced.gone().items() if f"`{module}" in finding.message
    ]
    denied = [
        f"{_line(traced, rule.module)} denies it for {rule.module}"
        for rule in traced.policy.language.imports
        if finding.code == "G402" and any(f"`{rule.module}.{name}`" in finding.message for name in rule.deny)
    ]
    if gone or denied:
        return f"{'; '.join([*gone, *denied])}."
    if finding.code == "G401":
        return "No line of the policy allows it."
    if finding.code == "G402":
        return "It is hidden under every policy, whatever a line says."
    return f"No line decides this; the rule does: safe-codeact explain {finding.code}."
