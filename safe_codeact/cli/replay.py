"""`safe-codeact replay FILE`: a record's actions again, without a model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from safe_codeact import Policy
    from safe_codeact.replay.recording import Recording


def replay(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A trail, an agent's trajectories, or a fuzzer's finding.")
    ],
    policy: Annotated[
        str | None, typer.Option(metavar="P", help="Play it under this policy instead of the record's own.")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--file", metavar="PATH[=F]", help="What the host wrote as PATH is in F (repeatable)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Run the actions of a record again, tools answered from it, and say the first difference.

    What changes from one replay to the next (clocks, chance) is reported and does not count. A finding is tried again: does its
    property hold now? Exit status: 0 the same, 1 something differs, cannot be compared, or does not hold, 2 usage.
    """
    from safe_codeact import Policy  # start-up time, as below
    from safe_codeact.cli import terminal
    from safe_codeact.cli.recorded import contents_of
    from safe_codeact.replay.verdict import replay as played

    own = Policy.load(policy) if policy is not None else None
    if _is_finding(file):
        return _try_finding(file, own, as_json)
    recordings = _recordings(file, own)
    verdict = played(recordings, contents_of(given or []))
    if as_json:
        terminal.show_json({"same": verdict.is_same, **dataclasses.asdict(verdict)})
        return 0 if verdict.is_same else 1
    for place, why in verdict.unknown[:5]:
        terminal.show(f"{place}: cannot be compared: {why}.")
    if verdict.unsteady:
        terminal.show(f"Changes from one replay to the next, and is not compared: {', '.join(verdict.unsteady[:10])}.")
    if verdict.first:
        terminal.show(f"First difference: {verdict.first}.")
    terminal.show(
        f"{file}: {verdict.actions} actions replayed, {verdict.same} the same, {verdict.differing} different."
    )
    for name in dict.fromkeys(each.policy.name for each in recordings if not each.is_own_policy):
        terminal.complain(f"{file}: policy {name!r} has another digest than the one of the record.")
    return 0 if verdict.is_same else 1


def _recordings(file: Path, policy: Policy | None) -> list[Recording]:
    from safe_codeact.cli import terminal
    from safe_codeact.cli.recorded import trajectories_of
    from safe_codeact.cli.sources import UnusableInput
    from safe_codeact.replay import trails, trajectories
    from safe_codeact.trail.verify import verify

    if trajectories_of(file) is not None:
        return trajectories.recordings(str(file), policy)
    verdict = verify(file)
    if not verdict.is_whole:
        terminal.complain(f"{file}: is not whole, and is replayed as far as it reads: {verdict.broken}.")
    found = trails.recordings(file, policy)
    if not found:
        raise UnusableInput(f"{file}: has no actions: expected a trail, trajectories, or a fuzzer's finding.")
    return found


def _is_finding(file: Path) -> bool:
    """A file that is no JSON document as a whole is a trail, or trajectories: each of their lines is one."""
    try:
        if file.stat().st_size > 4 * 1024 * 1024:
            return False
        value = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("format") == "safe-codeact finding"


def _try_finding(file: Path, policy: Policy | None, as_json: bool) -> int:
    from safe_codeact.cli import terminal
    from safe_codeact.fuzzing import findings

    finding = findings.read(file)
    isolation = (finding.policy or {}).get("isolation", {})
    if policy is None and not {isolation.get(each, "required") for each in ("seccomp", "landlock")} <= {"required"}:
        # As `replay.trails`: a file from somewhere else must not bring the policy that takes the kernel layer away.
        terminal.complain(
            f"{file}: its policy does not require seccomp and landlock: name the one to try it under with --policy."
        )
        return 2
    escape = finding.recur(policy=policy)
    if as_json:
        terminal.show_json(
            {"same": escape is None, "target": finding.target, "escape": None if escape is None else str(escape)}
        )
    elif escape is None:
        terminal.show(f"{file}: holds now: {finding.target}: {finding.claim}.")
    else:
        terminal.show(f"{file}: does not hold: {finding.target}: {escape}.")
    return 0 if escape is None else 1
