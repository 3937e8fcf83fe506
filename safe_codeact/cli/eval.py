"""`safe-codeact eval [PATH…]`: the same tasks in code, JSON and text, at one endpoint."""

from __future__ import annotations

import enum
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safe_codeact.cli.agent import DEFAULT_MODEL

if TYPE_CHECKING:
    from safe_codeact.evaluation.run import Evaluation


class Format(enum.StrEnum):
    text = "text"
    json = "json"


def eval(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH…", help="Task files, or folders of them [the shipped tasks].")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="M", help=f"The model's name [SAFE_CODEACT_MODEL, else {DEFAULT_MODEL}].")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="U", help="The endpoint's address [OPENAI_BASE_URL]. Key: OPENAI_API_KEY.")
    ] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Ask no model: play the tasks' own solutions, to try tasks and tools.")
    ] = False,
    actions: Annotated[str, typer.Option(metavar="A,…", help="The action formats.")] = "code,json,text",
    only: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Only tasks whose id fits, as in 'shop/*' (repeatable).")
    ] = None,
    attempts: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="Attempts at each task.")] = 1,
    max_turns: Annotated[int, typer.Option(metavar="N", min=1, help="Replies of the model at most, for a task.")] = 30,
    temperature: Annotated[
        float | None, typer.Option(metavar="T", min=0.0, help="Sent with each request [the endpoint's own].")
    ] = None,
    patience: Annotated[
        float, typer.Option(metavar="S", min=0.1, help="Seconds that the endpoint may be silent, before each retry.")
    ] = 120.0,
    policy: Annotated[
        str | None, typer.Option(metavar="P", help="A shipped policy's name, or a path [pure Python, with files].")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep each result as a line of JSON; what it has is not run again."),
    ] = None,
    format: Annotated[Format, typer.Option(help="What is printed at the end.")] = Format.text,
) -> int:
    """Compare action formats: success, turns and tokens on the same tasks, through the same loop.

    The Python modules of task files run in this process: evaluate files that you would run. Exit status: 0 every attempt
    was made (with --reference: and solved), 1 some were not (the same command goes on with those, given --out), 2 usage or
    an unusable task file.
    """
    from safe_codeact.cli import terminal  # start-up time, as below
    from safe_codeact.cli.eval_report import document, render
    from safe_codeact.cli.eval_request import Request, prepared

    request = Request(
        paths=tuple(paths or ()),
        model=model or os.environ.get("SAFE_CODEACT_MODEL") or DEFAULT_MODEL,
        base_url=base_url,
        reference=reference,
        actions=tuple(actions.split(",")),
        only=tuple(only or ()),
        attempts=attempts,
        max_turns=max_turns,
        options={} if temperature is None else {"temperature": temperature},
        silence_seconds=patience,
        policy=policy,
        out=out,
    )
    with prepared(request) as evaluation:
        wanted = len(evaluation.attempts())
        known = len(evaluation.made())
        if known:
            terminal.note(f"{known} of {wanted} attempts are in {out} already")
        _run(evaluation)
        records = evaluation.made()
    if format is Format.json:
        terminal.show_json(document(records, request.actions, wanted))
    else:
        terminal.show(render(records, request.actions, wanted))
    missing = len(records) < wanted
    unsolved = request.reference and not all(record.solved for record in records)
    return 1 if missing or unsolved else 0


def _run(evaluation: Evaluation) -> None:
    """Makes the attempts that are missing, a line on stderr for each."""
    from safe_codeact.cli import terminal  # start-up time, as above
    from safe_codeact.evaluation.run import NotMade

    with closing(evaluation.run()) as results:
        for made in results:
            if isinstance(made, NotMade):
                terminal.complain(f"{made.attempt.task.id} {made.attempt.style}: not made: {made.reason}")
                continue
            result = "solved" if made.solved else "not solved"
            figures = f"{made.stopped_by}, {made.turns} turns, {made.tokens:,} tokens"
            terminal.note(f"{made.task} {made.style}: {result} ({figures})")
