"""Two styles of writing an action, and what each is shown: a notebook's cell, and a whole module."""

from __future__ import annotations

import pytest

from safe_codeact import Outcome, Runtime
from safe_codeact.agent import CodeActAgent


@pytest.fixture(scope="module")
def runtime():
    with Runtime("strict") as made:
        yield made


MAIN = "def main():\n    {}\n\nif __name__ == '__main__':\n    {}"
# source → what the model is shown
STYLES = {
    "the last expression is echoed": ("x = 20\nx + 1", "21"),
    "a print and an echo": ("print('a')\n'b'", "a\n'b'"),
    "a module whose main prints": (MAIN.format("print('total', 3)", "main()"), "total 3"),
    "a module whose main returns": ("def main():\n    return 3\n\nmain()", "3"),
    "a module that exits": (MAIN.format("print('done')", "main()") + "\n    raise SystemExit(0)", "done"),
    "definitions alone": ("import math\n\nRATE = 2\n\ndef area(r):\n    return math.pi * r\n\nclass Shop:\n    size = 1", "(no output) defined: RATE, Shop, area, math"),
    "a module whose main is not called": ("def main():\n    print(1)", "(no output) defined: main"),
    "nothing": ("pass", "(no output)"),
    "many definitions": ("\n".join(f"v{n:02} = {n}" for n in range(25)), "(no output) defined: " + ", ".join(f"v{n:02}" for n in range(20)) + " and 5 more"),
}  # fmt: skip


@pytest.mark.parametrize("case", STYLES.values(), ids=STYLES.keys())
def test_each_style_of_writing_an_action_is_shown_something_useful(runtime, case):
    """Whatever a model was trained on."""
    source, shown = case
    replies = iter([f"Next.\n~~~python\n{source}\n~~~", "ok"])
    result = CodeActAgent(lambda messages: next(replies), runtime).run("Go.")
    assert result.messages[3]["content"].startswith(f"Observation:\n{shown}")
    assert result.observations[0].outcome in (Outcome.completed, Outcome.raised)


def test_what_a_module_defined_is_there_for_the_next_action(runtime):
    """The block under `__main__` ran, and its names are kept."""
    with runtime.session() as session:
        session.run(MAIN.format("return 5", "result = main()"))
        assert session.run("main() + result").value == "10"
