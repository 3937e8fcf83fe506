"""The recorded replies of a real model, read by two readers that share nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from replies_smollm2 import SMOLLM2

from safe_codeact.agent import extract

_PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "second_reading.py"


@pytest.fixture(scope="module")
def second():
    """The reader that `make real-model` compares with: a CommonMark parser, and Python's compiler."""
    spec = importlib.util.spec_from_file_location("second_reading", _PATH)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "second_reading", module)  # dataclasses look it up
        spec.loader.exec_module(module)
    return module


def test_a_recorded_reply_is_read_the_same_by_both(second):
    """Kind and content; what the second one is unsure of is another format than Markdown, and rare."""
    unsure = 0
    for case in SMOLLM2:
        found = second.read(case.reply.text, case.reply.finish)
        if found.kind == "unsure":
            unsure += 1
            continue
        reading = extract(case.reply)
        content = "" if reading.kind == "returned" else reading.source or reading.answer
        assert (reading.kind, content) == (found.kind, found.content), case.name
    assert unsure <= len(SMOLLM2) // 20


@pytest.mark.parametrize(
    ("text", "kind", "content"),
    [
        ("It is 5.", "answer", "It is 5."),
        ("```python\nprint(5)\n```", "action", "print(5)"),
        ("```text\n5\n```", "answer", "```text\n5\n```"),
        ("import math\nprint(math.pi)", "action", "import math\nprint(math.pi)"),
        ("<execute>print(5)</execute>", "unsure", ""),
        ("```python\n```", "returned", ""),
    ],
)
def test_the_second_reader_can_tell(second, text, kind, content):
    """A check that calls everything the same has not checked."""
    assert (second.read(text, "stop").kind, second.read(text, "stop").content) == (kind, content)
