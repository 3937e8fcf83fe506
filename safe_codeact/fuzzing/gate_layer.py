"""The gate, the kernel imagined away: no program may come to hold what it is after, whatever ran.

Threat: a hole in the gate that the kernel layer covers. What stands here is the language side by itself (`oracles.inside`);
what a program holds when it has ended is looked at, and what it set out to do was heard by a second audit hook.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import strategies as st

from safe_codeact.fuzzing import CLASSES, Course, Escape, Run, Setting, Target
from safe_codeact.fuzzing.oracles.chamber import Chamber
from safe_codeact.fuzzing.programs.generate import programs_for

CLAIM = "the language side alone lets no program hold or do what it must not"


def _examples(setting: Setting) -> st.SearchStrategy[Any]:
    return programs_for(setting.policy)


@contextmanager
def _open(setting: Setting) -> Iterator[Run]:
    with Chamber(setting.policy, tuple(tool.__name__ for tool in setting.tools)) as chamber:

        def run(example: Any) -> Course:
            result = chamber.run(example["turns"])
            if result["loot"]:
                raise Escape(CLAIM, result["loot"])
            alive = any(ended != "refused" for ended in result["ended"])
            return Course(alive, tuple(example["classes"]))

        yield run


GATE = Target(
    name="gate",
    layer="gate",
    classes=tuple(
        name for name in CLASSES if name in ("syntax", "hooks", "references", "forgery", "libraries", "parsers")
    ),
    claim=CLAIM,
    examples=_examples,
    open=_open,
)
