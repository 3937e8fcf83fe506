"""What the fuzzer makes: programs that mean what they should, and that reach the sandbox alive."""

from __future__ import annotations

import ast
import asyncio
import inspect
import random
import sys
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis.strategies import SearchStrategy

sys.path.append(str(Path(__file__).resolve().parents[1] / "escapes"))
import export

from safe_codeact import Policy
from safe_codeact.fuzzing import CLASSES, Setting, corpus, targets
from safe_codeact.fuzzing.oracles import loot
from safe_codeact.fuzzing.oracles.chamber import Chamber
from safe_codeact.fuzzing.programs import formulas, mutation, spelling, wrapping

STRICT = Setting(Policy.load("strict"))


@pytest.fixture
def vault() -> Iterator[None]:
    module = types.ModuleType("vault")
    exec(loot.VAULT, vars(module))
    sys.modules["vault"] = module
    yield
    del sys.modules["vault"]


def run_plainly(source: str) -> dict[str, Any]:
    """A program of ours in plain CPython; its names."""
    names: dict[str, Any] = {"__name__": "__main__"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = compile(source, "<program>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(result)
    return names


def test_the_corpus_holds_the_attempts_of_these_tests() -> None:
    """What is shipped is what `python tests/escapes/export.py` makes."""
    folder = Path(corpus.__file__).parent
    made = {name: text.encode("utf-8", "backslashreplace") for name, text in export.programs().items()}
    assert made == {path.name: path.read_bytes() for path in folder.glob("*.programs")}
    assert len(corpus.shipped()) >= 450
    assert {known.family for known in corpus.shipped()} <= set(CLASSES)


@pytest.mark.parametrize("name", wrapping.NAMES)
def test_what_is_put_into_a_construct_still_runs(name: str, vault: None) -> None:
    """In plain CPython every wrapper runs its block, and the block binds the global."""
    for seed in (1, 4):
        source = wrapping.wrapped("x = 1\nloot = 'got' + str(x)", [name], random.Random(seed))
        assert run_plainly(source)["loot"] == "got1", source


def test_a_text_is_the_same_however_it_is_written() -> None:
    for seed in range(400):
        text = ("__globals__", "{0.__class__}", "a b\n", "_hidden", "ü")[seed % 5]
        assert eval(spelling.text(text, random.Random(seed))) == text
        assert run_plainly(f"{spelling.identifier('loot', random.Random(seed))} = 1")["loot"] == 1


PROGRAM = "import json\nclass C:\n    a = [1, 2]\ndef f(c):\n    return json.dumps({'k': getattr(c, 'a')})\nloot = f(C()).upper()"


@pytest.mark.parametrize("name", mutation.MUTATIONS)
def test_a_mutated_program_means_the_same(name: str) -> None:
    changed = [mutation.MUTATIONS[name](PROGRAM, random.Random(seed)) for seed in range(12)]
    assert any(source != PROGRAM for source in changed)
    for source in changed:
        assert run_plainly(source)["loot"] == '{"K": [1, 2]}', source


def test_a_program_that_is_split_over_turns_means_the_same() -> None:
    turns = mutation.split(PROGRAM, [0, 2])
    assert len(turns) == 3
    assert run_plainly("\n".join(turns))["loot"] == '{"K": [1, 2]}'


def try_each(examples: SearchStrategy[Any], count: int, work: Callable[[Any], None]) -> None:
    """The same `count` examples at every run."""
    unhurried = hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    hypothesis.seed(0)(unhurried(hypothesis.given(examples)(work)))()


def test_programs_reach_the_sandbox_alive_and_belong_to_all_classes_of_the_language() -> None:
    """At least every second one is judged worth running, and no class is forgotten."""
    target, classes, alive = targets.load("gate"), Counter[str](), 0

    with target.open(STRICT) as run:

        def tried(example: dict[str, Any]) -> None:
            nonlocal alive
            course = run(example)
            alive += course.alive
            classes.update(course.classes)

        try_each(target.examples(STRICT), 150, tried)
    assert alive >= 75
    assert set(target.classes) <= set(classes)


def test_formulas_mostly_compute_something_and_use_what_formulas_have() -> None:
    """Two in five come to their end under the shipped policy, each kind of statement and form is tried, and none is loot."""
    ended, text = Counter[str](), ""
    with Chamber(Policy.load("expression")) as chamber:

        def tried(example: dict[str, Any]) -> None:
            nonlocal text
            result = chamber.run(example["turns"])
            assert result["loot"] == "", example
            ended.update(result["ended"])
            text += "\n".join(example["turns"])

        try_each(formulas.formulas(), 200, tried)
    assert ended["completed"] >= sum(ended.values()) * 0.4, ended
    assert ended["refused"] >= 10, ended
    parts = (
        "for x in ",
        "while a < 5",
        "f'{",
        " if ",
        "key=",
        ".values()",
        ".split(",
        "__class__",
        "total[0] = ",
        "loot = ",
    )
    assert [part for part in parts if part not in text] == []
