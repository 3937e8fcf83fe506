"""`safe-codeact run FILE|-`: one action, and its observation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from safe_codeact.observation import Outcome


def run(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The program; `-` reads it from standard input.")],
    policy: Annotated[str, typer.Option(metavar="P", help="A shipped policy's name, or a path.")] = "strict",
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the session in this folder. Not supported by this version.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the observation as one JSON document.")] = False,
) -> int:
    """Run one action and print its observation.

    Exit status: 0 completed, 1 raised, 2 usage, 3 refused, 4 ended by a limit or by the kernel.
    """
    from safe_codeact import Runtime  # start-up time
    from safe_codeact.cli import terminal
    from safe_codeact.cli.sources import UnusableInput, read_source

    if state is not None:
        raise UnusableInput(
            f"--state {state}: not supported by this version, which keeps no session on disk: leave the option out."
        )
    source = read_source(file)
    with Runtime(policy, standby=1) as runtime, runtime.session() as session:
        observation = session.run(source)
    if as_json:
        terminal.show_json(observation.to_dict())
    else:
        terminal.show(observation.text)
    return status_of(observation.outcome)


def status_of(outcome: Outcome) -> int:
    """The exit status that says how the action ended."""
    return _STATUSES.get(outcome.value, 4)


_STATUSES = {"completed": 0, "raised": 1, "refused": 3}
