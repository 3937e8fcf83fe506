"""The verbs, put together: only the one that is asked for is imported, since a model's client alone takes a second."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NoReturn

import typer

from safe_codeact import __version__
from safe_codeact.cli import terminal

# What `--help` says of each verb; its module and its function have the same name.
VERBS = {
    "run": "Run one action and print its observation.",
    "check": "Judge programs without running them.",
    "agent": "Let a model work on a task by writing Python.",
    "eval": "Compare action formats (code, JSON, text) on tasks.",
    "explain": "Print the page of a rule of the gate, or of the audit.",
    "audit": "Look for what is unwise in policy files.",
    "doctor": "Try the protections that a policy asks for on this machine.",
    "fuzz": "Look for ways out of a policy, with programs made at random.",
    "policy": "See what a policy grants, test it, compare two, pin one.",
    "mcp": "Be an MCP server that runs Python for its clients.",
    "replay": "Run a record's actions again, and say the first difference.",
    "trail": "Read the record of what was done, and see whether it is whole.",
}

# What stands under a verb of several words: module and function of `policy show` are `policy_show`.
GROUPS = {
    "policy": {
        "show": "Print the effective policy, each line with where it comes from.",
        "explain": "Say in plain words what code under a policy can do.",
        "test": "Judge a policy's own examples, and say which lines none of them exercises.",
        "diff": "Compare two policies by meaning: widened, narrowed, and a witness for each widening.",
        "schema": "Print the JSON Schema of policy files, for editors.",
        "learn": "Run programs, confined, and propose the smallest policy that lets them.",
        "lock": "Pin the digest of policy files: a changed one is then refused.",
    },
    "trail": {
        "show": "Print a trail, or the runs of an agent.",
        "verify": "Say whether a trail is whole, and the first record that is not.",
    },
}


class ReaderGone(Exception):
    """Nobody reads our output any more (`… | head`). Not an OSError: typer would turn that into status 1."""


def invoke(arguments: list[str]) -> int:
    """Runs one command line and gives its exit status: the verb's own, or 2 after a typing error, whose usage is
    printed.

    Raises what a verb raises, and `ReaderGone`.
    """
    asked = [argument for argument in arguments if not argument.startswith("-")][:2]
    try:
        status = _app(asked)(arguments, prog_name="safe-codeact", standalone_mode=False)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Exception as error:
        return _misused(error)
    return status if isinstance(status, int) else 0


def _misused(error: Any) -> int:
    """Show a typing error as typer does, but escaped: it repeats an argument, and a file's name is one (`check *`).

    By its shape, since typer has a copy of click's exceptions of its own from some version on. Raises any other error.
    """
    if not (
        isinstance(getattr(error, "message", None), str) and hasattr(error, "show") and hasattr(error, "exit_code")
    ):
        raise error
    error.message = terminal.escaped(error.message)
    error.show()
    return int(error.exit_code)


def _app(asked: Sequence[str]) -> typer.Typer:
    app = _group("Run Python that a language model writes: judged first, then in a confined process.")
    app.callback()(_options)
    for name, summary in VERBS.items():
        if name in GROUPS:
            app.add_typer(_verbs_of(name, summary, asked), name=name, short_help=summary)
        else:
            app.command(name, short_help=summary)(_loaded(name) if [name] == asked[:1] else _unloaded)
    return app


def _verbs_of(group: str, summary: str, asked: Sequence[str]) -> typer.Typer:
    app = _group(summary)
    for name, short in GROUPS[group].items():
        verb = _loaded(f"{group}_{name}") if [group, name] == list(asked) else _unloaded
        app.command(name, short_help=short)(verb)
    return app


def _group(summary: str) -> typer.Typer:
    return typer.Typer(
        help=summary,
        no_args_is_help=True,
        rich_markup_mode=None,  # loading rich takes as long as all the rest of `--help`
        add_completion=False,  # would offer to write into the user's shell start-up files
        pretty_exceptions_enable=False,  # `main` words what goes wrong
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _loaded(name: str) -> Callable[..., NoReturn]:
    verb: Callable[..., int | None] = getattr(importlib.import_module(f"safe_codeact.cli.{name}"), name)

    @functools.wraps(verb)
    def command(*arguments: Any, **options: Any) -> NoReturn:
        try:
            status = verb(*arguments, **options)
        except BrokenPipeError:
            raise ReaderGone from None
        raise typer.Exit(status or 0)

    return command


def _unloaded() -> NoReturn:
    raise AssertionError("a verb that was not asked for was called")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"safe-codeact {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
