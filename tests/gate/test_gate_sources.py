"""Source as an attack: each text is bounded, with a finding where it is refused, and never by a crash."""

from __future__ import annotations

import sys

import pytest

from safe_codeact import Outcome, Runtime
from safe_codeact.gate.bounds import MOST_COPIES, copies, parsed
from safe_codeact.gate.check import check, judge
from safe_codeact.gate.rule import Situation
from safe_codeact.policy.effective import ImportRule, Language, Policy

POLICY = Policy(language=Language(imports=(ImportRule(module="math"),)))


def nested_finally(depth: int, indent: int = 1, handler: str = "") -> str:
    """`try: ... finally: try: ... finally: ...`; CPython compiles each level's `finally` twice."""
    margin = "    " * indent
    if not depth:
        return f"{margin}x = 1\n"
    inside = nested_finally(depth - 1, indent + 1, handler)
    caught = f"{margin}{handler}: pass\n" if handler else ""
    return f"{margin}try:\n{margin}    x = 1\n{caught}{margin}finally:\n{inside}"


# What is in the text → the text, and the code of the finding.
REFUSED = {
    "a null byte": ("x = 1\0", "G102"),
    "a null byte in a comment": ("# \0\nx = 1", "G102"),
    "a lone surrogate": ("x = '\ud800'", "G102"),
    "the reserved character": ("x = '\U00016fe4'", "G102"),
    "two byte order marks": ("\ufeff\ufeffx = 1", "G103"),
    "a byte order mark inside": ("x = 1\ufeff", "G103"),
    "a vertical tab": ("x = 1\x0by = 2", "G103"),
    "an indentation after a form feed": ("if 1:\n    x = 1\n\x0c\ty = 2", "G103"),
    "a name of a character of 10,000 letters": ("x = '\\N{" + "A" * 10_000 + "}'", "G103"),
    "300 brackets": ("(" * 300 + ")" * 300, "G103"),
    "120 indentations": ("\n".join(" " * depth + "if 1:" for depth in range(120)), "G103"),
    "30 blocks in each other": ("\n".join(" " * depth + "while 1:" for depth in range(30)) + " pass", "G103"),
    "3,000 conditions in each other": ("x = " + "1 if a else " * 3000 + "2", "G104"),
    "5,000 minus signs": ("-" * 5000 + "1", "G104"),
    "200 attributes in a row": ("x" + ".a" * 200, "G104"),
    "10,000 decorators": ("@d\n" * 10_000 + "def f(): pass", "G104"),
    "15,000 keywords": ("f(" + ",".join(f"a{i}=1" for i in range(15_000)) + ")", "G104"),
    "15,000 keywords of a class": ("class C(" + ",".join(f"a{i}=1" for i in range(15_000)) + "): pass", "G104"),
    "5,000 attributes of a pattern": (
        "match x:\n    case C(" + ",".join(f"a{i}=_" for i in range(5_000)) + "): pass",
        "G104",
    ),
    "120,000 tokens": ("x," * 60_000, "G104"),
    "18 finally blocks in each other": ("def f():\n" + nested_finally(18), "G104"),
    "18 of them with except*": ("def f():\n" + nested_finally(18, 1, "except* E"), "G104"),
    "5,000 returns through one finally": (
        "def f():\n  try:\n" + "    if a: return 1\n" * 5000 + "  finally:\n" + "    x = 1\n" * 5000,
        "G104",
    ),
    "21 comprehensions in each other": ("x = " + "[" * 21 + "1" + " for a in b]" * 21, "G104"),
    "a comprehension in 20 context managers": (
        "with " + ", ".join("a" * 20) + ":\n  x = [b for b in c]",
        "G104",
    ),
    "12 handlers in each other": (
        "\n".join(" " * depth + f"try: pass\n{' ' * depth}except E as e:" for depth in range(12)) + " pass",
        "G104",
    ),
    "300 KiB": ("#" * 300 * 1024, "G101"),
    "a code fence": ("```python\nx = 1\n```", "G103"),
    "the print statement": ("print 'x'", "G103"),
}

# Nothing to fear: CPython's own bounds hold at compile time, and a text is a text, whatever a cookie says.
ALLOWED = {
    "a power": "def f(): return 9 ** 9 ** 9",
    "a long text by folding": "def f(): return 'a' * 10 ** 10",
    "a long tuple by folding": "def f(): return (1,) * 10 ** 9",
    "a shift": "def f(): return 1 << 10 ** 10",
    "a format": "def f(): return '%1000000000d' % 5",
    "a long hexadecimal number": "x = 0x" + "f" * 200_000,
    "a long name": "a" * 100_000 + " = 1",
    "200,000 lines": "\n" * 200_000,
    "a coding cookie": "# -*- coding: utf-16 -*-\nx = 'é'",
    "a coding cookie of no encoding": "# -*- coding: nonsense -*-\nx = 1",
    "a form feed": "\x0cif 1:\n\x0c    x = 1",
    "line ends of an old Macintosh": "x = 1\ry = 2\r",
    "one byte order mark": "\ufeffx = 1",
    "noncharacters": "x = '\uffff\U0010ffff'",
    "a finally in a finally": "def f():\n" + nested_finally(3),
    "a hundred returns through a finally": "def f():\n  try:\n"
    + "    if a: return 1\n" * 100
    + "  finally:\n    x = 1\n",
    "6 handlers in each other": "\n".join(" " * depth + f"try: pass\n{' ' * depth}except E as e:" for depth in range(6))
    + " pass",
    "comprehensions in each other": "def f(b): return " + "[" * 18 + "1" + " for a in b]" * 18,
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_hostile_text_is_refused_with_a_finding(what: str) -> None:
    """The code says which bound."""
    source, code = REFUSED[what]
    findings = check(source, policy=POLICY).findings
    assert [finding.code for finding in findings] == [code]
    assert len(findings[0].message) < 500


@pytest.mark.parametrize("what", ALLOWED)
def test_a_strange_text_is_a_program(what: str) -> None:
    """What CPython compiles in bounded time is allowed."""
    judgement = judge(ALLOWED[what], POLICY, ())
    assert judgement.report.findings == ()
    assert judgement.code is not None


def test_the_copies_of_a_finally_are_counted_as_cpython_makes_them() -> None:
    """One more level, twice as many."""
    sizes = []
    for depth in (4, 5, 6):
        tree = parsed("def f():\n" + nested_finally(depth), Situation(policy=POLICY, tools=()))
        assert tree is not None
        sizes.append(copies(tree)[0])
    assert sizes[1] > 1.8 * sizes[0]
    assert sizes[2] > 1.8 * sizes[1]
    assert sizes[2] < MOST_COPIES


def test_f_strings_in_each_other_are_bounded() -> None:
    """From Python 3.12 on they nest in CPython's parser; before, they cannot."""
    shallow, deep = ("x = " + "f'{" * depth + "1" + "}'" * depth for depth in (20, 100))
    assert check(shallow, policy=POLICY).allowed == (sys.version_info >= (3, 12))
    assert not check(deep, policy=POLICY).allowed
    assert not check("f'{x:" + "{y:" * 90 + "}" * 90 + "}'", policy=POLICY).allowed


def test_a_worker_answers_every_hostile_text_and_the_session_goes_on() -> None:
    """Refused, or a program that runs: never a crash, and the next action sees the state."""
    with Runtime("strict") as runtime:
        session = runtime.session()
        session.run("kept = 41")
        for what, (source, _) in REFUSED.items():
            observation = session.run(source)
            assert observation.outcome is Outcome.refused, what
            assert observation.findings, what
        for what, source in ALLOWED.items():
            assert session.run(source).outcome is Outcome.completed, what
        assert session.run("kept + 1").value == "42"
