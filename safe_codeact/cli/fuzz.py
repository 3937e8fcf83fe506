"""`safe-codeact fuzz`: the escape fuzzer against a policy and its tools."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safe_codeact.errors import SafeCodeActError

if TYPE_CHECKING:
    from safe_codeact.fuzzing.campaign import Report
    from safe_codeact.fuzzing.runner import Tally


class NotInstalled(SafeCodeActError):
    """The fuzzer's own library is not there; the message says how to have it."""


def fuzz(
    policy: Annotated[str, typer.Option(metavar="P", help="A shipped policy's name, or a path.")] = "strict",
    tools: Annotated[
        str, typer.Option(metavar="M:A", help="Your tools: a module and the list, or the function, in it.")
    ] = "",
    seconds: Annotated[float, typer.Option(metavar="N", min=1, help="How long, in all.")] = 60.0,
    seed: Annotated[int | None, typer.Option(metavar="S", min=0, help="Of an earlier run, to have it again.")] = None,
    target: Annotated[
        list[str] | None, typer.Option(metavar="T", help="Only this property; may be given several times.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what does not depend on a policy of yours.")] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where findings are written.")] = Path("fuzz-findings"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Look for ways out of a policy: programs, tool calls and native code made at random.

    Your tools are not called: calls to them are checked against the policy and their signatures, and end there.

    Exit status: 0 nothing got out, 1 a finding (with a file that `safe-codeact replay` runs), 2 usage.
    """
    from safe_codeact import Policy  # start-up time, as below
    from safe_codeact.cli import terminal

    try:
        from safe_codeact.fuzzing import Setting, campaign, targets
        from safe_codeact.fuzzing import tools as own
    except ModuleNotFoundError as missing:
        raise NotInstalled(
            f"fuzz needs {missing.name}, which is not installed: pip install 'safe-codeact[fuzz]'"
        ) from None
    loaded = Policy.load(policy)
    names = tuple(target) if target else targets.names(users=not every)
    for name in names:
        targets.load(name)
    chosen = campaign.fresh_seed() if seed is None else seed
    terminal.complain(f"policy {loaded.name}, seed {chosen}, {seconds:g} seconds: {', '.join(names)}")
    report = campaign.run(
        Setting(loaded, own.load(tools)),
        names,
        seconds=seconds,
        seed=chosen,
        folder=out,
        progress=None if as_json or not sys.stderr.isatty() else _Progress(),
        tools=tools,
    )
    if as_json:
        terminal.show_json(report.to_dict())
    else:
        _show(report)
    return 1 if report.findings else 0


class _Progress:
    """One line on the terminal, written over itself ten times a second."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, tally: Tally) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + 0.1
            share = tally.alive / tally.examples if tally.examples else 0.0
            sys.stderr.write(f"\r\x1b[K{tally.target}: {tally.examples} examples, {share:.0%} alive")
            sys.stderr.flush()


def _show(report: Report) -> None:
    from safe_codeact.cli import terminal

    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    lines = [f"{'target':<16}{'examples':>10}{'alive':>10}{'a second':>10}{'findings':>10}"]
    for tally in report.tallies:
        lines.append(
            f"{tally.target:<16}{tally.examples:>10}{tally.alive:>10}{tally.per_second:>10.1f}{len(tally.findings):>10}"
        )
    lines.append("")
    lines.append("tried, by class: " + ", ".join(f"{name} {count}" for name, count in report.classes.items()))
    for finding, path in zip(report.findings, report.files, strict=True):
        lines += ["", f"FOUND by {finding.target}: {finding.claim}: {finding.seen}", f"  {path}"]
    found = len(report.findings)
    lines.append("")
    lines.append(f"{found} finding{'s' * (found != 1)} in {report.seconds:.0f} s; seed {report.seed}.")
    terminal.show("\n".join(lines))
