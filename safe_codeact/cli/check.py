"""`safe-codeact check FILE…`: the gate alone, for editors and CI. Nothing is run, and no kernel feature is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from safe_codeact.gate.report import Finding


def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Programs; `-` is standard input.")],
    policy: Annotated[str, typer.Option(metavar="P", help="A shipped policy's name, or a path.")] = "strict",
    tool: Annotated[list[str] | None, typer.Option(metavar="NAME", help="A tool that the programs may call.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Judge programs without running them; findings as file:line:column.

    Exit status: 0 all may run, 3 a finding, 2 usage.
    """
    from safe_codeact import Policy  # start-up time
    from safe_codeact import check as judge
    from safe_codeact.cli import terminal
    from safe_codeact.cli.sources import read_source

    loaded = Policy.load(policy)
    sources = [(name, read_source(name)) for name in files]  # all of them first: no verdict beside an unread file
    reports = [(name, judge(source, policy=loaded, tools=tuple(tool or ()))) for name, source in sources]
    if as_json:
        terminal.show_json(
            {"policy": loaded.name, "files": [{"file": name, **report.to_dict()} for name, report in reports]}
        )
    else:
        for name, report in reports:
            for finding in report.findings:
                terminal.show(line_of(name, finding))
    return 0 if all(report.allowed for _, report in reports) else 3


def line_of(file: str, finding: Finding) -> str:
    """`file:line:column: code name: message hint`, on one line."""
    from safe_codeact.cli.terminal import escaped_line  # start-up time

    hint = f" {finding.hint}" if finding.hint else ""
    return escaped_line(
        f"{file}:{finding.line}:{finding.column}: {finding.code} {finding.name}: {finding.message}{hint}"
    )
