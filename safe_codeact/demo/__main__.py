"""`python -m safe_codeact.demo [--csv FILE] [--out DIR]`: one task, end to end.

With OPENAI_API_KEY or OPENAI_BASE_URL set, a real endpoint is asked (model: SAFE_CODEACT_MODEL); without, the recorded
conversation is played by a server on the loopback interface. Exit status 0 when the task was answered, else 1.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from rich.console import Console
from rich.text import Text

from safe_codeact.cli.agent import DEFAULT_MODEL
from safe_codeact.cli.assignment import INTERRUPTED, Assignment, read_file, work
from safe_codeact.cli.sources import UnusableInput
from safe_codeact.cli.terminal import complain, escaped_line, prepare
from safe_codeact.demo.recording import load_recording
from safe_codeact.demo.server import MODEL, LoopbackServer

TASK = "Plot the revenue per quarter and tell me the year-over-year growth."
POLICY = "analysis"
_NAME = "sales.csv"  # in the workspace, whatever the file is called outside
_RECORDED_COLUMNS = ("date", "region", "revenue")
_PAUSE_SECONDS = 0.004


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m safe_codeact.demo", description="One task, end to end.")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="another sales CSV (default: the one shipped)")
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path("demo-output"), help="where the chart goes")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    real = bool(os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"))
    try:
        data = read_sales(options.csv, () if real else _RECORDED_COLUMNS)
    except UnusableInput as error:
        complain(str(error))
        return 1
    _head(console, options.csv, data)
    return _real(console, data, options.out) if real else _recorded(console, data, options.out)


def read_sales(path: Path | None, columns: Sequence[str]) -> bytes:
    """The CSV's bytes. Raises `UnusableInput` where it is missing, no CSV, or without one of `columns`."""
    if path is None:
        return (files("safe_codeact.demo") / "sales.csv").read_bytes()
    data = read_file(path)
    try:
        lines = data.decode("utf-8-sig").splitlines()
        header = next(csv.reader(lines), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnusableInput(f"{path}: is not a CSV file in UTF-8 ({error}). Name one with --csv.") from None
    missing = [column for column in columns if column not in header]
    if missing or len(lines) < 2:
        raise UnusableInput(
            f"{path}: has {len(lines)} lines and the columns {', '.join(header[:20]) or '(none)'}, but needs at least "
            f"2 lines and {', '.join(columns) or 'a header'}. Another kind of file needs a real model: set "
            "OPENAI_BASE_URL or OPENAI_API_KEY."
        )
    return data


def _head(console: Console, path: Path | None, data: bytes) -> None:
    source = f"{path}" if path else "the sales CSV that is shipped with the demo"
    console.print(Text.assemble(("task    ", "bold"), TASK))
    console.print(Text.assemble(("data    ", "bold"), escaped_line(source), f" ({data.count(10):,} lines)"))
    console.print(Text.assemble(("policy  ", "bold"), POLICY))


def _real(console: Console, data: bytes, out: Path) -> int:
    model = os.environ.get("SAFE_CODEACT_MODEL") or DEFAULT_MODEL
    endpoint = os.environ.get("OPENAI_BASE_URL") or "api.openai.com"
    console.print(Text.assemble(("model   ", "bold"), escaped_line(f"{model} at {endpoint}")))
    return work(Assignment(task=TASK, policy=POLICY, model=model, out=out, files={_NAME: data}), console)


def _recorded(console: Console, data: bytes, out: Path) -> int:
    pause = _PAUSE_SECONDS if console.is_terminal else 0.0
    with LoopbackServer(load_recording(), pause_seconds=pause) as server:
        console.print(
            Text.assemble(
                ("model   ", "bold"),
                f"a recorded conversation, played by a server on {server.base_url}. Its words and code are recorded; "
                "every number below is computed here. Set OPENAI_API_KEY or OPENAI_BASE_URL to ask a real model.",
            )
        )
        assignment = Assignment(
            task=TASK,
            policy=POLICY,
            model=MODEL,
            out=out,
            base_url=server.base_url,
            api_key=server.api_key,
            files={_NAME: data},
        )
        return work(assignment, console)


if __name__ == "__main__":
    prepare()
    try:
        status = main()
    except KeyboardInterrupt:
        complain("interrupted")
        status = INTERRUPTED
    sys.exit(status)
