"""Holes in what decides and what reads: the loader, the comparison and the inheritance of policies, replies, commands."""

from __future__ import annotations

from typing import Any

from safe_codeact.fuzzing.holes import Hole, exchange


def _traps_read() -> None:
    from safe_codeact.policy import document

    exchange(document, "_TRAPS", ())


def _last_key_counts() -> None:
    from safe_codeact.policy import document

    place = document._Builder._key

    def careless(self: Any, event: Any, value: Any) -> None:
        content = self.open[-1].node.content
        before = content.pop(value, None) if isinstance(content, dict) and isinstance(value, str) else None
        place(self, event, value)
        del before

    exchange(document._Builder, "_key", careless)


def _merges_read() -> None:
    from safe_codeact.policy import document

    exchange(document._Builder, "_refuse_decorations", lambda self, event: None)


def _yaml_forgets_conditions() -> None:
    from safe_codeact.policy import load

    given = load._given
    exchange(load, "_given", lambda values: {key: value for key, value in given(values).items() if key != "when"})


def _diff_is_blind(part: str) -> None:
    from safe_codeact.audit import changes

    exchange(changes, part, lambda *_arguments: iter(()))


def _diff_invents_witnesses() -> None:
    from safe_codeact.audit import changes

    exchange(changes, "_witness", lambda narrow, wide, judge, programs: (programs[-1], True))


def _denials_are_replaced() -> None:
    """Names under `deny` do not add up: the child's list counts."""
    from safe_codeact.policy import inherit

    def line(parent: Any, child: Any) -> Any:
        return inherit.Node(child.mark, inherit._mapping(inherit._fields(parent), inherit._fields(child), ()))

    exchange(inherit, "_line", line)


def _denials_are_undone() -> None:
    from safe_codeact.policy import inherit

    exchange(inherit, "_refuse_undenied_tool", lambda parent, child, name: None)


# ---- replies and commands


def _thinking_is_read() -> None:
    import importlib

    module = importlib.import_module("safe_codeact.agent.extract")
    exchange(module, "without_thinking", lambda text: ("", text))


def _end_tokens_stay() -> None:
    from safe_codeact.agent import blocks

    exchange(blocks, "_is_closer", lambda line, marker: line.strip() == marker)


def _searched_again_and_again() -> None:
    """What has no closer is looked for from every opener."""
    from safe_codeact.agent import blocks

    class Forgetful(set[str]):
        def __contains__(self, _closer: object) -> bool:
            return False

    made = blocks._Scanner.__init__

    def forgetful(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        self._no_closer = Forgetful()

    exchange(blocks._Scanner, "__init__", forgetful)


def _terminal_obeys() -> None:
    from safe_codeact.cli import terminal

    exchange(terminal, "escaped", lambda text: text)
    exchange(terminal, "escaped_line", lambda text: text)


def _findings_end_well() -> None:
    """`check` ends with 1 where it found something."""
    from safe_codeact.cli import app

    loaded = app._loaded

    def ending(name: str) -> Any:
        command = loaded(name)

        def ended(*arguments: Any, **options: Any) -> Any:
            try:
                return command(*arguments, **options)
            except app.typer.Exit as exit_:
                raise app.typer.Exit(5 if exit_.exit_code == 3 else exit_.exit_code) from None

        return app.functools.wraps(command)(ended)

    exchange(app, "_loaded", ending)


HOLES: tuple[Hole, ...] = (
    Hole(name="values that readers take for different things are read", target="policy-loader", sides=("host",), make=_traps_read, sample=True),
    Hole(name="tags and anchors are read", target="policy-loader", sides=("host",), make=_merges_read),
    Hole(name="to_yaml() forgets conditions", target="policy-loader", sides=("host",), make=_yaml_forgets_conditions),
    Hole(name="a diff does not look at files", target="policy-diff", sides=("host",), make=lambda: _diff_is_blind("_files")),
    Hole(name="a diff does not look at conditions", target="policy-diff", sides=("host",), make=lambda: _diff_is_blind("_condition")),
    Hole(name="a diff's witnesses are not verified", target="policy-diff", sides=("host",), make=_diff_invents_witnesses),
    Hole(name="a child's denials replace its parent's", target="policy-inheritance", sides=("host",), make=_denials_are_replaced),
    Hole(name="a child allows a tool that its parent denied", target="policy-inheritance", sides=("host",), make=_denials_are_undone),
    Hole(name="what a model thinks is read as its action", target="replies", sides=("host",), make=_thinking_is_read),
    Hole(name="a fence that ends in a token is not closed", target="replies", sides=("host",), make=_end_tokens_stay),
    Hole(name="closers are searched again and again", target="replies", sides=("host",), make=_searched_again_and_again),
    Hole(name="what a terminal obeys is shown", target="commands", sides=("host",), make=_terminal_obeys),
    Hole(name="a verb ends with another status", target="commands", sides=("host",), make=_findings_end_well),
)  # fmt: skip
