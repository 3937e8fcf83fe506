"""`safe-codeact policy learn FILE…`: the smallest policy under which programs run."""

from __future__ import annotations

from typing import Annotated

import typer


def policy_learn(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="Programs (`-`: standard input), trails and trajectories.")
    ],
    policy: Annotated[
        str | None, typer.Option(metavar="P", help="Say which grants of this policy no program needed.")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--file", metavar="PATH[=F]", help="F lies in the workspace as PATH (repeatable)."),
    ] = None,
) -> int:
    """Run programs, confined, and propose the smallest policy that lets them: each line with the place that needed it.

    The programs run, several times, with what they ask for: for programs that you would run. Of a trail or a trajectory, the
    actions run, and tools are answered from it. Review the proposal by `safe-codeact audit`. Exit status: 0 all of them
    completed, 1 one did not, 2 usage.
    """
    from safe_codeact import Policy  # start-up time, as below
    from safe_codeact.cli import terminal
    from safe_codeact.cli.learning import learn
    from safe_codeact.cli.recorded import contents_of, programs_of

    granted = Policy.load(policy) if policy is not None else None
    programs = [program for file in files for program in programs_of(file)]
    lesson = learn(programs, contents_of(given or []))
    terminal.show(lesson.proposal())
    for file, why in lesson.endings.items():
        if why:
            terminal.complain(f"{file} did not complete: {why}")
    if granted is not None:
        unused = lesson.unused(granted)
        said = f"no program needed these grants: {', '.join(unused)}" if unused else "every grant was needed"
        terminal.complain(f"{granted.name}: {said}.")
    return 1 if any(lesson.endings.values()) else 0
