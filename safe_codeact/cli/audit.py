"""`safe-codeact audit PATH…`: findings about policy files."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safe_codeact import GateReport, Policy


class Format(enum.StrEnum):
    text = "text"
    json = "json"
    sarif = "sarif"
    github = "github"


class Level(enum.StrEnum):
    low = "low"
    medium = "medium"
    high = "high"
    critical = "critical"


def audit(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Policy files, folders of them, shipped names.")],
    format: Annotated[Format, typer.Option(help="`sarif` for code hosts, `github` for annotations.")] = Format.text,
    fail_on: Annotated[Level, typer.Option(help="The severity from which on a finding fails.")] = Level.medium,
) -> int:
    """Look for what is unwise in policy files; `safe-codeact explain A120` prints the page of a rule.

    Exit status: 0 nothing as bad as --fail-on, 1 a finding, or a check that did not finish, 2 usage.
    """
    from safe_codeact import __version__  # start-up time, as below
    from safe_codeact.audit.examination import examine, policy_files
    from safe_codeact.audit.finding import Severity
    from safe_codeact.audit.reports import github, plain, sarif, text
    from safe_codeact.cli import terminal

    done = examine(policy_files(paths), judge=judge)
    if format is Format.json:
        terminal.show_json(plain.document(done))
    elif format is Format.sarif:
        terminal.show_json(sarif.document(done, version=__version__))
    else:
        terminal.show(github.render(done) if format is Format.github else text.render(done))
    return 1 if done.fails(Severity[fail_on.value.upper()]) else 0


def judge(source: str, policy: Policy, tools: Sequence[str]) -> GateReport:
    """The gate, as what examines policies takes it."""
    from safe_codeact import check  # start-up time

    return check(source, policy=policy, tools=tools)
