"""Each rule has its page, and each refusal a corrected program beside it."""

from __future__ import annotations

import re

import pytest

from safe_codeact.gate.check import check
from safe_codeact.gate.rules import RULES, page
from safe_codeact.policy.effective import ImportRule, Language, Policy

POLICY = Policy(
    language=Language(imports=tuple(ImportRule(module=name) for name in ("math", "copy", "pandas", "json")))
)

# code → what a model wrote, and what it may write instead
MENDED = [
    ("G101", "#" * 300 * 1024, "# short"),
    ("G102", "x = 'a\0b'", "x = 'a' + chr(0) + 'b'"),
    ("G104", "@d\n" * 200 + "def f(): pass", "@d\ndef f(): pass"),
    ("G103", "for i in range(3)\n    print(i)", "for i in range(3):\n    print(i)"),
    ("G103", "```python\nprint(1)\n```", "print(1)"),
    ("G103", "return 5", "5"),
    ("G201", "print(int.__mro__)", "print(issubclass(bool, int))"),
    ("G201", "print(x.__class__.__bases__)", "print(x.__class__.__name__)"),
    ("G201", "f.__wrapped__(1)", "plain(1)"),
    ("G201", "f.__defaults__ = (1,)", "f = lambda x=1: x"),
    ("G202", "m = __import__('math')", "import math as m"),
    ("G202", "print(__builtins__)", "print(len)"),
    ("G202", "__name__ = 'x'", "name = __name__"),
    ("G203", "x.__dict__ |= {'a': 1}", "x.__dict__.update(a=1)"),
    ("G203", "match e:\n    case AttributeError(obj=o): pass", "match e:\n    case AttributeError(name=n): pass"),
    ("G204", "g.gi_frame", "list(g)"),
    ("G204", "raise e.with_traceback(None)", "raise e from None"),
    ("G205", "class C:\n    def __reduce__(self): return C, ()", "class C:\n    def __copy__(self): return C()"),
    ("G205", "class C:\n    __getattr__ = lambda self, n: 1", "class C:\n    def __getattr__(self, n): return 1"),
    ("G205", "class C:\n    def __setattr__(self, *a): pass", "class C:\n    def __setattr__(self, n, v): pass"),
    ("G401", "import subprocess", "import math"),
    ("G401", "from os import path", "import json"),
    ("G402", "import pandas as pd\npd.read_pickle('x')", "import pandas as pd\npd.read_csv('x')"),
    ("G402", "from pandas import read_pickle", "from pandas import read_csv"),
    ("G403", "from . import x", "import math"),
    ("G404", "from math import _private", "from math import pi"),
    ("G501", "'{0.__mro__}'.format(int)", "'{0.real}'.format(5)"),
    ("G502", "x = '\\U00016fe4'", "x = 'x'"),
]


FORMULAS = Policy(language=Language(interpreter="expression"))
MENDED_FORMULAS = [
    ("G106", "from math import sqrt", "sqrt(2)"),
    ("G106", "sum(x * 2 for x in [1])", "sum([x * 2 for x in [1]])"),
    ("G106", "x: int = 1", "x = 1"),
    ("G107", "'{:.2f}'.format(1)", "f'{1:.2f}'"),
    ("G107", "_total = 1", "total = 1"),
    ("G107", "'a'.uper()", "'a'.upper()"),
]
AT_RUN_TIME = {"G105", "G301", "G302", "G303"}  # `test_gate_guards`, and for new syntax `test_gate_grammar`


@pytest.mark.parametrize(("code", "refused", "mended"), MENDED_FORMULAS)
def test_a_refused_formula_and_its_correction(code: str, refused: str, mended: str) -> None:
    """As for programs."""
    assert {finding.code for finding in check(refused, policy=FORMULAS).findings} == {code}
    assert check(mended, policy=FORMULAS).findings == ()


def test_every_rule_that_reads_the_source_has_a_correction_beside_a_refusal() -> None:
    """A rule without one has not been tried on a model."""
    assert {rule.code for rule in RULES} == {code for code, *_ in (*MENDED, *MENDED_FORMULAS)} | AT_RUN_TIME


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_has_a_page_with_the_four_fields(rule: object) -> None:
    """`Gnnn name: what`, then Refuses, Why, Behind it, Instead."""
    text = page(rule.code)  # type: ignore[attr-defined]
    assert text.startswith(f"{rule.code} {rule.name}: ")  # type: ignore[attr-defined]
    assert re.findall(r"^(Refuses|Why|Behind it|Instead) ", text, re.M) == ["Refuses", "Why", "Behind it", "Instead"]


def test_codes_and_names_are_unique() -> None:
    """One code, one name, one rule."""
    assert len({rule.code for rule in RULES}) == len({rule.name for rule in RULES}) == len(RULES)


def test_an_unknown_code_is_answered_with_the_known_ones() -> None:
    """For `safe-codeact explain`."""
    with pytest.raises(KeyError, match="'G999' is not a rule; the rules are G101, G102"):
        page("G999")


@pytest.mark.parametrize(("code", "refused", "mended"), MENDED, ids=lambda text: text[:30])
def test_a_refused_program_and_its_correction(code: str, refused: str, mended: str) -> None:
    """The first gets exactly this finding, the second none."""
    assert [finding.code for finding in check(refused, policy=POLICY).findings] == [code]
    assert check(mended, policy=POLICY).findings == ()
