"""`safe-codeact agent "TASK"`: the CodeAct loop in the terminal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_MODEL = "gpt-5"


def agent(
    task: Annotated[str, typer.Argument(metavar="TASK", help="What the model is to do.")],
    policy: Annotated[str, typer.Option(metavar="P", help="A shipped policy's name, or a path.")] = "analysis",
    file: Annotated[
        list[Path] | None, typer.Option(metavar="F", help="Put this file into the workspace (repeatable).")
    ] = None,
    tools: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Python file whose @tool functions actions may call; you are asked where the policy says so.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="M", help=f"The model's name [SAFE_CODEACT_MODEL, else {DEFAULT_MODEL}].")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="U", help="The endpoint's address [OPENAI_BASE_URL]. Key: OPENAI_API_KEY.")
    ] = None,
    api: Annotated[str, typer.Option(metavar="A", help="What the endpoint speaks: chat or responses.")] = "chat",
    patience: Annotated[
        float, typer.Option(metavar="S", min=0.1, help="Seconds that the endpoint may be silent, before each retry.")
    ] = 120.0,
    trail: Annotated[Path | None, typer.Option(metavar="T", help="Write the audit trail to this file.")] = None,
    trail_key: Annotated[
        Path | None, typer.Option(metavar="K", help="Sign the trail's checkpoints with the key in this file.")
    ] = None,
    trajectory: Annotated[
        Path | None, typer.Option(metavar="J", help="Append the run to this file, as one line of JSON.")
    ] = None,
    max_turns: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Replies of the model at most [the policy's agent.max_turns]."),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Tokens of prompts and replies at most.")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(metavar="S", min=0.1, help="Seconds of the whole run at most.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where artifacts are written.")] = Path(
        "safe-codeact-output"
    ),
) -> int:
    """Work on TASK with a model that writes Python; each action is judged and confined.

    Exit status: 0 answered, 1 not (no answer within the budgets, no usable endpoint, policy or file), 2 usage.
    """
    from rich.console import Console  # start-up time, as below

    from safe_codeact.cli import terminal
    from safe_codeact.cli.assignment import Assignment, read_files, work
    from safe_codeact.cli.tool_file import load_tools
    from safe_codeact.errors import SafeCodeActError

    if api not in ("chat", "responses"):
        terminal.complain(f"--api {api}: expected chat (chat completions) or responses.")
        return 2
    try:
        contents, loaded = read_files(file or []), load_tools(tools)
    except SafeCodeActError as error:
        terminal.complain(str(error))
        return 1
    assignment = Assignment(
        task=task,
        policy=policy,
        model=model or os.environ.get("SAFE_CODEACT_MODEL") or DEFAULT_MODEL,
        out=out,
        base_url=base_url,
        silence_seconds=patience,
        files=contents,
        tools=loaded,
        trajectory=trajectory,
        trail=trail,
        trail_key=trail_key,
        options={"api": api, "max_turns": max_turns, "max_tokens": max_tokens, "max_seconds": max_seconds},
    )
    return work(assignment, Console(highlight=False))
