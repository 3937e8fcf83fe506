"""`safe-codeact policy learn FILE…`: the smallest policy under which programs run."""

from __future__ import annotations

from typing import Annotated

import typer


def policy_learn(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Programs; `-` is standard input.")],
    policy: Annotated[
        str | None, typer.Option(metavar="P", help="Say which import lines of this policy no program needed.")
    ] = None,
) -> int:
    """Run programs, confined, and propose the smallest policy that lets them: each line with the place that needed it.

    The programs run, several times, with what they ask for: for programs that you would run. Review the proposal by
    `safe-codeact audit`. Exit status: 0 all of them completed, 1 one did not, 2 usage.
    """
    from safe_codeact import Policy  # start-up time, as below
    from safe_codeact.cli import terminal
    from safe_codeact.cli.learning import learn
    from safe_codeact.cli.sources import read_source

    granted = Policy.load(policy) if policy is not None else None
    lesson = learn([(file, read_source(file)) for file in files])
    terminal.show(lesson.proposal())
    for file, why in lesson.endings.items():
        if why:
            terminal.complain(f"{file} did not complete: {why}")
    if granted is not None:
        unused = lesson.unused(granted)
        said = f"no program needed these lines: {', '.join(unused)}" if unused else "every import line was needed"
        terminal.complain(f"{granted.name}: {said}.")
    return 1 if any(lesson.endings.values()) else 0
