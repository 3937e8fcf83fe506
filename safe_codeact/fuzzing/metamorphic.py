"""Properties between two runs, where nobody has to know the right answer.

harmless   what the gate allows of ordinary programs behaves as in plain CPython
verdict    the gate comes to a verdict on any text, to the same one twice, and a policy with less never allows more
unchanged  an action that was refused, or was killed, has changed neither names nor files
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from hypothesis import strategies as st

from safe_codeact.fuzzing import Course, Escape, Run, Setting, Target
from safe_codeact.fuzzing.arena import arena
from safe_codeact.fuzzing.oracles.chamber import Chamber
from safe_codeact.fuzzing.programs import exhausting, generate, harmless, hostile, native
from safe_codeact.fuzzing.session_layer import ungated
from safe_codeact.policy.effective import Policy

Draw = Callable[[st.SearchStrategy[Any]], Any]
_SAME: Final = "what is allowed behaves as in CPython"
_ENDS: Final = "the gate comes to a verdict on any text"
_TWICE: Final = "the gate says the same twice"
_LESS: Final = "a policy with less never allows more"
_UNCHANGED: Final = "an action that was refused or killed changes nothing"
_LEFT_AS_IT_WAS: Final = ("refused", "forbidden_syscall", "crashed", "broke_protocol", "output_exceeded")


@contextmanager
def _open_harmless(setting: Setting) -> Iterator[Run]:
    with Chamber(setting.policy) as chamber:

        def run(example: Any) -> Course:
            gated, plain = chamber.both(example["source"])
            if "died" in (plain["ended"][0], gated["ended"][0]) or plain["ended"][0] == "no program":
                return Course(False)
            if gated["ended"] != plain["ended"] or _printed(gated) != _printed(plain):
                if _printed(chamber.elsewhere(example["source"])) != _printed(plain):
                    return Course(False)  # it shows an address in some disguise
                raise Escape(_SAME, f"{gated['ended'][0]} {gated.get('printed', '')[-300:]!r}")
            return Course(True, ("syntax",))

        yield run


def _printed(answer: dict[str, Any]) -> str:
    """Without the addresses of objects: they are another process's."""
    return re.sub("0x[0-9a-f]+", "0x", answer.get("printed", ""))


def _lesser(policy: Policy, drawn: list[int]) -> Policy:
    """The same policy with some of its imports taken away, or with nothing."""
    imports = policy.language.imports
    gone = {number % len(imports) for number in drawn} if imports else set()
    kept = tuple(rule for place, rule in enumerate(imports) if place not in gone)
    return replace(policy, language=replace(policy.language, imports=kept if drawn else ()))


@st.composite
def _verdict_examples(draw: Draw, setting: Setting) -> dict[str, Any]:
    kind = draw(st.integers(0, 9))
    if kind < 3:
        source = draw(exhausting.sources())
    elif kind < 8:
        source = draw(generate.programs_for(setting.policy))["turns"][-1]
    else:
        module = draw(st.sampled_from(_MODULES))
        source = random.Random(draw(st.integers(0, 99))).choice(_IMPORTS).format(m=module)  # noqa: S311 - of the seed
    return {"source": source, "without": draw(st.lists(st.integers(0, 200), max_size=4))}


_MODULES: Final = (
    "os",
    "math",
    "subprocess",
    "json",
    "vault",
    "os.path",
    "numpy",
    "ctypes",
    "builtins",
    "collections.abc",
    "sys",
)
_IMPORTS: Final = (
    "import {m}",
    "import {m} as x",
    "from {m} import *",
    "from {m} import a",
    "try:\n    import {m}\nexcept ImportError:\n    pass",
)


@contextmanager
def _open_verdict(setting: Setting) -> Iterator[Run]:
    with Chamber(setting.policy) as chamber:

        def run(example: Any) -> Course:
            lesser = _lesser(setting.policy, example["without"])
            verdicts = chamber.judge(example["source"], [setting.policy, lesser])
            if not verdicts:
                raise Escape(_ENDS, f"none on {len(example['source'])} characters")
            (allowed, codes, same), (still, _codes, same_too) = verdicts
            if not (same and same_too):
                raise Escape(_TWICE, f"allowed: {allowed}, {codes}")
            if still and not allowed:
                raise Escape(_LESS, f"refused with {codes}, and allowed with less")
            return Course(allowed, ("parsers", "defaults"))

        yield run


@st.composite
def _unchanged_examples(draw: Draw, setting: Setting) -> dict[str, Any]:
    tails = st.sampled_from([hostile.TAILS[name] for name in hostile.QUICK])
    return {"gated": draw(st.integers(0, 2)) == 0, "source": draw(tails | native.sequences())}


_BEFORE: Final = "kept = [1, 2]\nother = kept"
_CHANGES: Final = "kept.append(3)\nmade = 1\n"


@contextmanager
def _open_unchanged(setting: Setting) -> Iterator[Run]:
    with arena(setting) as gated, arena(setting, ungated(setting.policy)) as free:

        def run(example: Any) -> Course:
            place = gated if example["gated"] else free
            session = place.session()
            try:
                place.act(session, _BEFORE)
                observation = place.act(session, _CHANGES + example["source"])
                if observation.outcome.value not in _LEFT_AS_IT_WAS:
                    return Course(True)
                names = sorted(variable.name for variable in session.variables())
                kept = session.get("kept") if "kept" in names else None
                if names != ["kept", "other"] or kept != [1, 2]:
                    raise Escape(_UNCHANGED, f"{observation.outcome.value}: {names}, kept is {kept!r}")
                return Course(True, ("revival", "downgrade"))
            finally:
                session.close()

        yield run


HARMLESS = Target(
    name="harmless",
    layer="gate",
    classes=("syntax",),
    claim=_SAME,
    examples=lambda _setting: harmless.programs(),
    open=_open_harmless,
)
VERDICT = Target(
    name="verdict",
    layer="gate",
    classes=("parsers", "defaults"),
    claim=_LESS,
    examples=lambda setting: _verdict_examples(setting),
    open=_open_verdict,
)
UNCHANGED = Target(
    name="unchanged",
    layer="combined",
    classes=("revival", "downgrade"),
    claim=_UNCHANGED,
    examples=lambda setting: _unchanged_examples(setting),
    open=_open_unchanged,
)
