"""Whole programs in real sessions: with everything on, and with the gate off.

`combined` is what a user relies on: the policy as it is. `kernel` imagines the gate away (`restricted: false`), so every
program reaches the process and does what it wants there: what holds it then is the kernel layer, and the host's own
checks of what comes out.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from hypothesis import strategies as st

from safe_codeact.fuzzing import CLASSES, Course, Escape, Run, Setting, Target
from safe_codeact.fuzzing.arena import arena
from safe_codeact.fuzzing.oracles.watched import Watched
from safe_codeact.fuzzing.programs import generate, hostile, native, spelling, wrapping
from safe_codeact.host.tool import Tool
from safe_codeact.policy.effective import Policy

CLAIM = "whatever an action does, nothing outside its worker changes, and nothing secret comes out"
Draw = Callable[[st.SearchStrategy[Any]], Any]


def ungated(policy: Policy) -> Policy:
    """The same policy, its gate off, and without namespaces: what is required everywhere holds by itself."""
    language = replace(policy.language, restricted=False, interpreter="compiled", functions=False)
    return replace(policy, language=language, isolation=replace(policy.isolation, namespaces="off"))


def _parameters(setting: Setting) -> tuple[tuple[str, tuple[str, ...]], ...]:
    tools = (Tool.of(each) for each in Watched(setting.tools, False).tools)
    return tuple((tool.name, tuple(tool.signature.parameters)) for tool in tools)


@st.composite
def _gated(draw: Draw, setting: Setting, tools: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, Any]:
    """Attempts that go on with what they got; hostile lines in disguise; calls of tools."""
    kind = draw(st.integers(0, 10))
    rng = random.Random(draw(st.integers(0, 2**32 - 1)))  # noqa: S311 - details of a program, from the seed of the run
    if kind == 10:
        return {"turns": hostile.placed(draw(st.integers(0, len(hostile.PLACED) - 1))), "classes": ["policy"]}
    if kind < 4:
        example: dict[str, Any] = draw(generate.programs_for(setting.policy))
        example["turns"][-1] += "\n" + hostile.through_loot(draw(st.integers(0, 5)))
        return example
    if kind < 7 and tools:
        calls = []
        for name, parameters in draw(st.lists(st.sampled_from(tools), min_size=1, max_size=4)):
            call = hostile.tool_call(name, list(parameters), rng)
            calls.append(f"try:\n    print({call})\nexcept Exception as e:\n    print(type(e), e)")
        return {"turns": ["\n".join(calls)], "classes": ["revival", "defaults"]}
    name = draw(st.sampled_from(hostile.QUICK + _SLOW_SOMETIMES))
    text = hostile.TAILS[name]
    if draw(st.booleans()):
        text = wrapping.wrapped(text, draw(st.lists(st.sampled_from(wrapping.NAMES), max_size=2)), rng)
    if draw(st.integers(0, 2)) == 0:
        text = f"exec({spelling.text(text, rng)})"
    turns = [text] + (["print(kept)"] if "kept" in text else [])
    return {"turns": turns, "classes": _classes_of(name)}


_SLOW_SOMETIMES: Final = tuple(sorted(hostile.SLOW))[:1]


def _classes_of(name: str) -> list[str]:
    if "state" in name:
        return ["revival"]
    if any(word in name for word in ("read", "link", "folder", "root", "file", "canary")):
        return ["paths"]
    if "tool" in name or "amount" in name or "argument" in name:
        return ["defaults"]
    return ["libraries", "downgrade"]


@st.composite
def _ungated(draw: Draw, _setting: Setting, tools: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, Any]:
    """Plain Python and native calls, in sequences and over turns."""
    rng = random.Random(draw(st.integers(0, 2**32 - 1)))  # noqa: S311 - details of a program, from the seed of the run
    turns, classes = [], set()
    for _turn in range(draw(st.integers(1, 2))):
        parts = []
        for kind in draw(st.lists(st.integers(0, 9), min_size=1, max_size=3)):
            if kind < 4:
                name = draw(st.sampled_from(hostile.QUICK))
                parts.append(hostile.TAILS[name])
                classes |= set(_classes_of(name))
            elif kind < 5 and tools:
                name, parameters = draw(st.sampled_from(tools))
                parts.append(hostile.tool_call(name, list(parameters), rng))
                classes.add("defaults")
            elif kind < 6 and draw(st.integers(0, 12)) == 0:
                parts.append(hostile.TAILS[draw(st.sampled_from(sorted(hostile.SLOW)))])
                classes.add("downgrade")
            else:
                parts.append(draw(native.sequences()))
                classes.add("downgrade")
        turns.append(
            "\n".join(f"try:\n{_indented(part)}\nexcept Exception as _e:\n    print(repr(_e)[:200])" for part in parts)
        )
    return {"turns": turns, "classes": sorted(classes)}


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.split("\n"))


def _opened(of: Callable[[Policy], Policy]) -> Callable[[Setting], contextlib.AbstractContextManager[Run]]:
    @contextmanager
    def opened(setting: Setting) -> Iterator[Run]:
        with arena(setting, of(setting.policy)) as place:

            def run(example: Any) -> Course:
                session = place.session()
                try:
                    outcomes = []
                    for source in example["turns"]:
                        observation = place.act(session, source)
                        outcomes.append(observation.outcome.value)
                        if place.is_gated and hostile.RAN in observation.stdout and "text.py" not in source:
                            raise Escape("code that the gate has not judged does not run", source)
                    place.look_around()
                finally:
                    session.close()
                return Course(any(outcome != "refused" for outcome in outcomes), tuple(example["classes"]))

            yield run

    return opened


def _combined_examples(setting: Setting) -> st.SearchStrategy[Any]:
    return _gated(setting, _parameters(setting))


def _kernel_examples(setting: Setting) -> st.SearchStrategy[Any]:
    return _ungated(setting, _parameters(setting))


COMBINED = Target(
    name="combined",
    layer="combined",
    classes=tuple(CLASSES),
    claim=CLAIM,
    examples=_combined_examples,
    open=_opened(lambda policy: policy),
)

KERNEL = Target(
    name="kernel",
    layer="kernel",
    classes=("libraries", "paths", "revival", "defaults", "downgrade", "policy"),
    claim=CLAIM,
    examples=_kernel_examples,
    open=_opened(ungated),
)
