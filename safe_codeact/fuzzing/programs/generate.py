"""The strategies: an action, or several turns of one session, as JSON data.

{"turns": ["source", ...], "classes": ["references", "syntax"]}
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st

from safe_codeact.fuzzing import corpus
from safe_codeact.fuzzing.programs import beliefs, formulas, mutation, reaching, wrapping

_SEEDS = st.integers(0, 2**32 - 1)
_WRAPPERS = st.lists(st.sampled_from(wrapping.NAMES), max_size=3)
Draw = Callable[[st.SearchStrategy[Any]], Any]


def _modules(policy: Any) -> tuple[str, ...]:
    return tuple(rule.module for rule in policy.language.imports) or ("math",)


def _reach(draw: Draw, rng: random.Random, modules: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]]:
    """Lines that prepare, lines that get at something, and the classes: one source, one path, a way for each name."""
    there = [each for each in reaching.SOURCES if not each.needs or each.needs in modules]
    source = draw(st.sampled_from(there))
    path = draw(st.sampled_from(source.paths))
    setup, expression, classes = [], source.expression, []
    for name in path:
        kind = draw(st.sampled_from(_KINDS))
        way = draw(st.sampled_from(reaching.WAYS[kind]))
        before, expression = way(expression, name, rng)
        if before:
            setup.append(before)
        classes.append(kind)
    if draw(st.integers(0, 3)) == 0:  # the same at the end of an ordinary computation
        expression = f"[{expression} for _i in range(2)][1]"
    block = "\n".join([*setup, f"loot = {expression}"])
    return source.setup, block, tuple(classes)


# How often each kind of way is taken; spelled-out attributes are refused by the gate, and need fewer tries.
_KINDS: Final = ("hooks",) * 5 + ("references",) * 4 + ("syntax",) * 3 + ("parsers",) * 3 + ("forgery",) * 2


def _attempt(draw: Draw, rng: random.Random, modules: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    setup, block, classes = _reach(draw, rng, modules)
    block = wrapping.wrapped(block, draw(_WRAPPERS), rng)
    if setup and draw(st.integers(0, 4)) == 0:
        return [setup, block], (*classes, "revival")
    return ["\n".join(filter(None, [setup, block]))], classes


def _whole(draw: Draw, rng: random.Random, modules: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    there = [each for each in reaching.SOURCES if not each.needs or each.needs in modules]
    source = draw(st.sampled_from(there))
    block = f"loot = {draw(st.sampled_from(reaching.WHOLES)).format(x=source.expression)}"
    block = wrapping.wrapped(block, draw(st.lists(st.sampled_from(wrapping.NAMES), max_size=2)), rng)
    return ["\n".join(filter(None, [source.setup, block]))], ("references",)


def _mutated(draw: Draw, rng: random.Random, modules: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    known = draw(st.sampled_from(corpus.shipped()))
    text: str = known.source
    classes: tuple[str, ...] = (known.family,)
    if draw(st.integers(0, 5)) == 0:  # two at once
        other = draw(st.sampled_from(corpus.shipped()))
        text, classes = f"{other.source}\n{text}", (*classes, other.family)
    for name in draw(st.lists(st.sampled_from(tuple(mutation.MUTATIONS)), max_size=3, unique=True)):
        text = mutation.MUTATIONS[name](text, rng)
    turns = [text]
    if draw(st.integers(0, 3)) == 0:
        turns = mutation.split(text, draw(st.lists(st.integers(0, 5), max_size=2)))
    if len(turns) == 1 and draw(st.booleans()):
        turns = [wrapping.wrapped(text, draw(st.lists(st.sampled_from(wrapping.NAMES), max_size=2)), rng)]
    return turns, classes if len(turns) == 1 else (*classes, "revival")


def _believed(draw: Draw, rng: random.Random, modules: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    block = beliefs.class_attempt(draw(st.integers(0, len(beliefs.CLASSES) - 1)), rng)
    return [wrapping.wrapped(block, draw(st.lists(st.sampled_from(wrapping.NAMES), max_size=1)), rng)], ("hooks",)


def _walk(draw: Draw, rng: random.Random, modules: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    return [beliefs.walk(draw(st.integers(0, len(beliefs.WALKS) - 1)), modules, rng)], ("libraries",)


def _door(draw: Draw, rng: random.Random, modules: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    block = beliefs.door(draw(st.integers(0, len(beliefs.DOORS) - 1)), modules, rng)
    wrapped = wrapping.wrapped(block, draw(st.lists(st.sampled_from(wrapping.NAMES), max_size=1)), rng)
    return [wrapped], ("libraries", "paths") if "/" in block else ("libraries",)


def _odd(draw: Draw, rng: random.Random, modules: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    return [beliefs.oddity(draw(st.integers(0, len(beliefs.ODDITIES) - 1)), rng)], ("parsers",)


# What is made, and how often.
_MAKERS: Final = (
    (_attempt,) * 9 + (_mutated,) * 6 + (_whole,) * 3 + (_believed,) * 2 + (_walk,) * 2 + (_door,) * 2 + (_odd,)
)


@st.composite
def programs(draw: Draw, modules: tuple[str, ...]) -> dict[str, Any]:
    """Attempts to get at what an action must not hold; each binds `loot`."""
    maker = draw(st.sampled_from(_MAKERS))
    rng = random.Random(draw(_SEEDS))  # noqa: S311 - details of a program, from the seed of the run
    turns, classes = maker(draw, rng, modules)
    turns = [turn.encode("utf-8", "replace").decode("utf-8") for turn in turns]
    return {"turns": turns, "classes": sorted(set(classes))}


def programs_for(policy: Any) -> st.SearchStrategy[dict[str, Any]]:
    """As `programs`, over the modules that a policy lets actions import; mostly formulas where actions are formulas."""
    if policy.language.interpreter == "expression":
        return st.one_of(formulas.formulas(), formulas.formulas(), formulas.formulas(), programs(_modules(policy)))
    return programs(_modules(policy))
