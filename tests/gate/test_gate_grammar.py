"""Every syntax tree node of the running interpreter has a stance, and what has none is refused."""

from __future__ import annotations

import ast
import sys
import unicodedata

import pytest

from safe_codeact.gate import grammar, transform
from safe_codeact.gate.check import check
from safe_codeact.gate.names import MARKER
from safe_codeact.policy.effective import Policy


def test_every_node_type_has_a_stance() -> None:
    """A new Python's new syntax fails this test until somebody has decided."""
    assert grammar.without_stance() == ()


def test_no_node_type_has_two_stances() -> None:
    """Allowed, a leaf, or refused."""
    assert not set(grammar.ALLOWED) & grammar.LEAVES
    assert not set(grammar.REFUSED) & (set(grammar.ALLOWED) | grammar.LEAVES)


@pytest.mark.parametrize("name", sorted(set(grammar.ALLOWED) & set(grammar.node_types())))
def test_the_walk_goes_into_every_field_that_can_hold_a_node(name: str) -> None:
    """No expression hides in a field that the walk leaves out."""
    kind = grammar.node_types()[name]
    operators_and_strings = {
        "op",
        "ops",
        "ctx",
        "id",
        "attr",
        "name",
        "names",
        "arg",
        "asname",
        "module",
        "level",
        "rest",
    }
    operators_and_strings |= {
        "value",
        "kind",
        "type_comment",
        "lineno",
        "simple",
        "is_async",
        "conversion",
        "type_ignores",
    }
    operators_and_strings |= {"kwd_attrs"}
    left_out = set(kind._fields) - set(grammar.FIELDS[kind]) - operators_and_strings
    if name not in ("Constant", "MatchSingleton", "Import", "TypeAlias"):
        assert "value" in grammar.FIELDS[kind] or "value" not in kind._fields
    assert not left_out


def test_a_node_type_without_a_stance_is_refused_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if `while` were new."""
    monkeypatch.delitem(transform._VISITORS, ast.While)
    report = check("def f():\n    while True: pass", policy=Policy())
    assert [(finding.code, finding.line) for finding in report.findings] == [("G105", 2)]


def test_no_character_normalises_to_the_marker() -> None:
    """CPython normalises identifiers (NFKC): none may become the reserved character."""
    others = (chr(code) for code in range(sys.maxunicode + 1) if chr(code) != MARKER)
    assert not [each for each in others if MARKER in unicodedata.normalize("NFKC", each)]
    assert ("_x" + MARKER).isidentifier()
