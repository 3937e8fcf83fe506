"""`safe-codeact run FILE|-`: one action, and its observation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from safe_codeact.observation import Observation, Outcome


def run(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The program; `-` reads it from standard input.")],
    policy: Annotated[str, typer.Option(metavar="P", help="A shipped policy's name, or a path.")] = "strict",
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the session in this folder, or go on with it.")
    ] = None,
    trail: Annotated[Path | None, typer.Option(metavar="T", help="Write the audit trail to this file.")] = None,
    trail_key: Annotated[
        Path | None, typer.Option(metavar="K", help="Sign the trail's checkpoints with the key in this file.")
    ] = None,
    tools: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Python file whose @tool functions the action may call; you are asked where the policy says so.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the observation as one JSON document.")] = False,
) -> int:
    """Run one action and print its observation.

    Exit status: 0 completed, 1 raised, 2 usage, 3 refused, 4 ended by a limit or by the kernel.
    """
    from safe_codeact.cli import terminal  # start-up time
    from safe_codeact.cli.recorded import open_trail
    from safe_codeact.cli.sources import read_source
    from safe_codeact.cli.tool_file import load_tools

    source = read_source(file)
    with open_trail(trail, trail_key) as opened:
        options = {"trail": opened, "tools": load_tools(tools)}
        observation = _run(source, policy, options) if state is None else _run_in(state, source, policy, options)
    if as_json:
        terminal.show_json(observation.to_dict())
    else:
        terminal.show(observation.text)
    if state is not None and observation.rollback:
        terminal.complain(f"{state}: {observation.rollback}")
        return 2
    return status_of(observation.outcome)


def _run(source: str, policy: str, options: dict[str, Any]) -> Observation:
    from safe_codeact import Runtime  # start-up time, as below
    from safe_codeact.cli.approval import Prompt

    with Runtime(policy, standby=1, approve=Prompt(), **options) as runtime, runtime.session() as session:
        return session.run(source)


def _run_in(folder: Path, source: str, policy: str, options: dict[str, Any]) -> Observation:
    from safe_codeact import Policy, Runtime
    from safe_codeact.cli.approval import Prompt
    from safe_codeact.cli.kept import SESSION, open_store

    checked = Policy.load(policy)  # before a folder is made for nothing
    with open_store(folder) as store, Runtime(checked, store=store, standby=1, approve=Prompt(), **options) as runtime:
        return runtime.session(SESSION).run(source)


def status_of(outcome: Outcome) -> int:
    """The exit status that says how the action ended."""
    return _STATUSES.get(outcome.value, 4)


_STATUSES = {"completed": 0, "raised": 1, "refused": 3}
