"""The verbs, put together: only the one that is asked for is imported, since a model's client alone takes a second."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NoReturn

import typer

from safe_codeact import __version__

# What `--help` says of each verb; its module and its function have the same name.
VERBS = {
    "run": "Run one action and print its observation.",
    "check": "Judge programs without running them.",
    "agent": "Let a model work on a task by writing Python.",
    "explain": "Print the page of a rule of the gate, or of the audit.",
    "audit": "Look for what is unwise in policy files.",
    "doctor": "Try the protections that a policy asks for on this machine.",
    "policy": "See what a policy grants, test it, compare two, pin one.",
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
    }
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
        _app(asked)(arguments, prog_name="safe-codeact")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


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
