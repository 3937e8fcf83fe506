"""`check`: a verdict on any text, all findings at once, hints that fit the policy."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safe_codeact.gate.check import check, judge
from safe_codeact.policy.effective import ImportRule, Language, Limits, Policy

POLICY = Policy(language=Language(imports=(ImportRule(module="math"), ImportRule(module="statistics", deny=("mode",)))))
WORDS = (
    "x _y __z__ . , : ; = == := ( ) [ ] { } ' \" \\ f' {0} def class lambda async await match case import from as return "
    "yield del global nonlocal try except* finally with for in if else while not is @ -> * ** ... 1 1e9 0x \n \n\t \n\x20 # "
    "\x0c \x00 \ufeff \ud800 \U00016fe4 type isinstance __class__ __dict__ format obj eval"
)
FRAGMENTS = st.lists(
    st.sampled_from(WORDS.split(" ")),
    max_size=60,
).map(" ".join)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(FRAGMENTS, st.text(max_size=200), st.text(alphabet="()[]{}-+.x1 \n\t:'\"f", max_size=400)))
def test_check_never_raises_and_allows_exactly_what_it_has_nothing_against(source: str) -> None:
    """For any text: a report, and code exactly when it allows."""
    judgement = judge(source, POLICY, ("search",))
    assert judgement.report.allowed == (not judgement.report.findings) == (judgement.code is not None)
    assert judgement.report == check(source, policy=POLICY, tools=["search"])


def test_all_findings_come_at_once_in_the_order_of_the_source() -> None:
    """Four rules, four findings, each with its place."""
    source = "import requests\nx = f.__globals__\ng.gi_frame\n'{0.__mro__}'.format(x)\n"
    report = check(source, policy=POLICY)
    assert [(f.code, f.line, f.column) for f in report.findings] == [
        ("G401", 1, 8),
        ("G201", 2, 5),
        ("G204", 3, 1),
        ("G501", 4, 1),
    ]


def test_the_report_says_what_the_source_imports_binds_and_calls() -> None:
    """Imports, global names and tools, sorted; local names are not among them."""
    source = (
        "import math as m\nb = search('q')\ndef a(x):\n    global g\n    y = g = x\n    return m\nfor i in []: pass\n"
    )
    report = check(source, policy=POLICY, tools=["search", "other"])
    assert report.imports == ("math",)
    assert report.names == ("a", "b", "g", "i", "m")
    assert report.tools == ("search",)


@pytest.mark.parametrize(
    ("source", "tools", "hint"),
    [
        ("import statistic", (), "Did you mean `statistics`?"),
        ("import numpy", (), "Use `math`, `statistics` instead."),
        ("import requests", ("fetch",), "There is no network; the tools here are `fetch`."),
        ("import requests", (), "There is no network, and no tool is available."),
        ("import turtle", ("draw",), "The tools here are `draw`."),
        ("import math.inner", (), "`math` itself is available."),
        ("import turtle", (), "Available modules: `math`, `statistics`."),
    ],
)
def test_the_hint_of_a_refused_import_fits_the_policy_and_the_tools(
    source: str, tools: tuple[str, ...], hint: str
) -> None:
    """The nearest module, what does the same, or the tools."""
    (finding,) = check(source, policy=POLICY, tools=tools).findings
    assert (finding.code, finding.hint) == ("G401", hint)


def test_the_size_of_a_source_is_the_policys() -> None:
    """`limits.source_kb` in bytes of UTF-8: at the limit allowed, one above refused."""
    policy = Policy(limits=Limits(source_kb=1))
    assert check("#" + "é" * 511 + "x", policy=policy).allowed
    (finding,) = check("#" + "é" * 511 + "xx", policy=policy).findings
    assert finding.message == "the source has 1025 bytes; 1024 are allowed (limits.source_kb=1)."


def test_a_byte_order_mark_at_the_start_is_not_part_of_the_source() -> None:
    """As CPython reads a file."""
    assert check("\ufeffx = 1", policy=POLICY).allowed
    assert not check("x = 1\ufeff", policy=POLICY).allowed


def test_a_report_stays_small_however_many_findings_there_could_be() -> None:
    """A hostile source does not choose the size of its own report."""
    assert len(check("x.__mro__\n" * 5000, policy=POLICY).findings) == 50


def test_a_denied_name_is_found_through_the_alias_of_the_module() -> None:
    """`deny` of a policy's line, for `from` imports and for attributes."""
    report = check("from statistics import mode\nimport statistics as st\nst.mode([1])\nst.mean([1])", policy=POLICY)
    assert [(f.code, f.line) for f in report.findings] == [("G402", 1), ("G402", 3)]


def test_an_unrestricted_policy_compiles_anything_that_is_python() -> None:
    """`restricted: false` leaves holding to the kernel layer."""
    policy = Policy(language=Language(restricted=False))
    assert check("import os\nx.__globals__", policy=policy).allowed
    assert not check("x ==", policy=policy).allowed


def test_a_long_but_ordinary_source_is_allowed() -> None:
    """A table of 5,000 numbers, 100 functions, 60 elifs, a sum of 120 terms."""
    source = "data = [" + ", ".join(map(str, range(5000))) + "]\n"
    source += "".join(f"def f{i}(x):\n    return x + {i}\n" for i in range(100))
    source += "if x == 0:\n    pass\n" + "".join(f"elif x == {i}:\n    pass\n" for i in range(60))
    source += "total = " + " + ".join(f"f{i % 100}(1)" for i in range(120))
    assert check(source, policy=POLICY).findings == ()
