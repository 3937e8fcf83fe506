"""What an action raised is told in its own lines, and an exception whose own code misbehaves costs the action nothing more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from safe_codeact import Observation, Runtime
from safe_codeact.guest import tracebacks


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime("strict") as made:
        yield made


def _run(runtime: Runtime, *sources: str) -> Observation:
    with runtime.session() as session:
        return [session.run(source) for source in sources][-1]


def _traceback(runtime: Runtime, *sources: str) -> str:
    error = _run(runtime, *sources).error
    assert error is not None
    return error.traceback


def test_the_failing_line_stands_in_the_traceback_with_its_number(runtime: Runtime) -> None:
    observation = _run(runtime, "def half(n):\n    return n / 0\n\nprint(1)\nhalf(3)")
    assert observation.error is not None
    assert (observation.error.type, observation.error.message, observation.error.line) == (
        "ZeroDivisionError",
        "division by zero",
        2,
    )
    assert observation.error.traceback == (
        "Traceback (most recent call last):\n  line 5\n    half(3)\n  line 2, in half\n    return n / 0\n           ^^^^^\n"
        "ZeroDivisionError: division by zero"
    )
    assert observation.stdout == "1\n"


def test_a_function_of_an_earlier_action_is_named_and_no_line_of_this_one_is_quoted_for_it(runtime: Runtime) -> None:
    shown = _traceback(runtime, "# one\n# two\ndef f():\n    raise ValueError('v')", "f()")
    assert "  line 4, in f (defined in an earlier action)\nValueError: v" in shown
    assert "line 1\n    f()" in shown


def test_wherever_a_signal_comes_there_is_a_line_to_name() -> None:
    """CPython puts in jumps that have no line of their own; the one before is as near."""
    code = compile("for n in x:\n    if c(n):\n        r.append(n)\nelse:\n    y = 1", "<action>", "exec")
    positions = list(code.co_positions())
    lines = [tracebacks._line_before(code, 2 * place) for place in range(1, len(positions) + 1)]
    assert set(lines) <= {0, 1, 2, 3, 5}
    assert lines[-1] >= 1


def test_an_action_that_ran_out_of_time_says_where_whatever_its_loop_was_at(runtime: Runtime) -> None:
    source = "r = []\ndef c(n):\n    return n < 0\nfor n in range(1 << 60):\n    if c(n):\n        r.append(n)"
    for _ in range(4):
        observation = runtime.session().run(source, timeout=0.2)
        assert observation.outcome == "timed_out"
        assert observation.error is not None
        assert observation.error.line in (2, 3, 4, 5, 6)


def test_causes_are_shown_before_what_they_caused(runtime: Runtime) -> None:
    shown = _traceback(runtime, "try:\n    {}['k']\nexcept KeyError as e:\n    raise ValueError('v') from e")
    assert shown.index("KeyError: 'k'") < shown.index("direct cause") < shown.index("ValueError: v")
    during = _traceback(runtime, "try:\n    {}['k']\nexcept KeyError:\n    1 / 0")
    assert during.index("KeyError") < during.index("During handling") < during.index("ZeroDivisionError")
    assert "KeyError" not in _traceback(runtime, "try:\n    {}['k']\nexcept KeyError:\n    raise ValueError from None")


def test_the_members_of_a_group_and_the_notes_are_shown(runtime: Runtime) -> None:
    shown = _traceback(runtime, "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])")
    assert shown.endswith("ExceptionGroup: g (2 sub-exceptions)\n  - ValueError: 1\n  - TypeError: 2")
    assert _traceback(runtime, "e = ValueError('v')\ne.add_note('look here')\nraise e").endswith(
        "ValueError: v\nlook here"
    )


def test_no_path_of_the_machine_and_no_frame_of_a_library_is_shown(runtime: Runtime) -> None:
    shown = _traceback(runtime, "import json\njson.loads('{')")
    assert "line 2\n    json.loads('{')\nJSONDecodeError" in shown
    assert "/" not in shown


def test_an_endless_recursion_is_shown_by_its_two_ends(runtime: Runtime) -> None:
    shown = _traceback(runtime, "def f():\n    f()\nf()")
    assert "more calls …]" in shown
    assert "RecursionError" in shown
    assert len(shown) < 2_000


@pytest.mark.parametrize(
    ("source", "quoted"),
    [
        ("a = 1\nb = a + {}['k']", "    b = a + {}['k']\n            ^^^^^^^"),
        ("if True:\n    print(1, missing)", "    print(1, missing)\n             ^^^^^^^"),
        ("x = 'é' + missing", "    x = 'é' + missing\nNameError"),
        ("missing", "    missing\nNameError"),
    ],
)
def test_carets_stand_under_what_failed_where_that_says_more_than_the_line(
    runtime: Runtime, source: str, quoted: str
) -> None:
    assert quoted in _traceback(runtime, source)


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("revenue = 1\nrevenu + 1", "Did you mean: 'revenue'?"),
        ("prnt(1)", "Did you mean: 'print'?"),
        ("[].apend(1)", "Did you mean: 'append'?"),
        ("import math\nmath.sqr(2)", "Did you mean: 'sqrt'?"),
        ("class C:\n    def __init__(self):\n        self.width = 1\nC().widht", "Did you mean: 'width'?"),
        ("class C:\n    total = 1\nC.totl", "Did you mean: 'total'?"),
    ],
)
def test_a_name_close_to_one_that_exists_brings_a_hint_below_the_message(
    runtime: Runtime, source: str, hint: str
) -> None:
    error = _run(runtime, source).error
    assert error is not None
    assert error.traceback.endswith(hint)
    assert hint not in error.message


def test_a_wrong_column_brings_the_columns_there_are() -> None:
    frame = "import pandas as pd\ndf = pd.DataFrame({'revenue': [1], 'region': ['x']})\n"
    with Runtime("analysis") as analysis:
        for source in ("df['revenu']", "df[['revenu']]", "df.groupby('regio').sum()", "df.set_index('regio')"):
            shown = _traceback(analysis, frame + source)
            assert "The columns are: 'revenue', 'region'." in shown
            assert "direct cause" not in shown


@pytest.mark.parametrize(
    "source",
    [
        "class C:\n    def __dir__(self): raise SystemExit\n    def __getattr__(self, n): raise AttributeError(n, name=n, obj=self)\nC().x",
        "raise NameError('n', name=5)",
        "raise AttributeError('a', name='x', obj=type)",
        "raise KeyError",
        "class K:\n    def __eq__(self, o): raise SystemExit\n    def __hash__(self): return hash('nme')\nraise NameError('n', name=K())",
        "n = {('n' * 50_000 + str(i)): i for i in range(9)}\nraise NameError('n', name='n' * 50_000)",
    ],
)
def test_a_hint_asks_nothing_of_the_actions_objects(runtime: Runtime, source: str) -> None:
    with runtime.session() as session:
        assert session.run("kept = 1\n" + source).outcome == "raised"
        assert session.run("kept").value == "1"


def test_a_name_that_was_not_kept_is_explained_where_it_is_missed(runtime: Runtime) -> None:
    with runtime.session() as session:
        first = session.run("g = (n for n in range(3))\nnext(g)")
        assert "g" in first.not_kept
        error = session.run("g").error
    assert error is not None
    assert error.message.startswith("name 'g' is not defined (it was not kept: generator objects can't be kept")


HOSTILE = {
    "an attribute that raises": "class E(NameError):\n    @property\n    def name(self): raise ValueError\nx = 1\nraise E",
    "a file name that raises": "class E(SyntaxError):\n    filename = property(lambda self: 1 / 0)\nx = 1\nraise E",
    "every attribute raises": (
        "class E(Exception):\n    def __getattribute__(self, name): raise ValueError\nx = 1\nraise E"
    ),
    "a text that raises": "class E(Exception):\n    def __str__(self): raise SystemExit\nx = 1\nraise E",
    "a text that is no text": "class E(Exception):\n    def __str__(self): return 5\nx = 1\nraise E",
    "a repr that raises": "class E:\n    def __repr__(self): raise KeyboardInterrupt\nx = 1\nE()",
    "a text without end": "x = 1\nraise ValueError('a' * 50_000_000)",
    "half a character": "x = 1\nraise ValueError('\\ud800')",
    "a cause that is itself": "x = 1\ne = ValueError()\ne.__cause__ = e\nraise e",
    "a base exception": "x = 1\nraise KeyboardInterrupt",
    "an end of its own": "x = 1\nraise GeneratorExit",
    "an exit with a number": "x = 1\nraise SystemExit(3)",
}


@pytest.mark.parametrize("title", HOSTILE)
def test_an_exception_that_misbehaves_is_an_exception_and_the_names_are_kept(runtime: Runtime, title: str) -> None:
    with runtime.session() as session:
        first = session.run(HOSTILE[title])
        assert first.outcome == "raised", first.text
        assert len(first.text) < 100_000
        assert session.run("x").value == "1"


def test_exit_is_an_ordinary_end(runtime: Runtime) -> None:
    for source in ("exit()", "quit()", "import sys\nsys.exit()", "import sys\nsys.exit(0)", "raise SystemExit"):
        assert _run(runtime, source).outcome == "completed"
