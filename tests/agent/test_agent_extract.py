"""Reading a reply."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replies import CORPUS

from safe_codeact.agent import extract
from safe_codeact.agent.blocks import scan
from safe_codeact.agent.reply import MAX_REPLY_CHARACTERS, Reply


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name.replace(" ", "-"))
def test_a_reply_of_the_corpus_is_read_as_expected(case):
    """Kind, format and content are what a person would say."""
    reading = extract(case.reply)
    assert (reading.kind, reading.format.value) == (case.kind, case.format)
    if case.kind == "returned":
        assert case.expected in reading.reason
    else:
        assert (reading.source or reading.answer) == case.expected
    if case.blocks is not None:
        assert reading.blocks == case.blocks


def test_the_corpus_has_at_least_a_hundred_replies_with_distinct_names():
    """The table is not thinned out."""
    names = [case.name for case in CORPUS]
    assert len(names) == len(set(names)) >= 100


def test_the_thought_is_the_prose_around_the_code():
    """Before and after the block, without the block."""
    reading = extract("<think>easy</think>\nI'll add.\n```python\n1\n```\nDone.")
    assert reading.thought == "easy\n\nI'll add.\nDone."


HOSTILE = {
    "openers without a closer": "```python\nx```\n",
    "openers of falling length": "".join("`" * length + "python\n" for length in range(1_400, 2, -1)),
    "tilde openers": "~~~a\n",
    "execute openers": "<execute>",
    "execute pairs on one line": "<execute>a</execute>",
    "solution openers": "<solution>\n",
    "nested tags": "<code>\n```\n```\n<python>\n```\n",
    "glued closers and openers": "```json\nx```\n",
    "mid-line openers": "a ```python\n",
    "backticks": "`",
    "tildes in a line": "~~~ ~~~ ",
    "angle brackets": "<",
    "end tokens": "<|im_end|></s>",
    "prompts": ">>> x\n",
    "assignments": "a" * 500 + "\n",
    "brackets": "x[",
    "commas": "x, x",
    "calls": "f(f(",
    "think": "<think>",
    "final lines": "Final Answer:",
    "tool calls": '<tool_call>{"name": ',
    "spaces": " ",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("prefix", ["", "```python\n", "<execute>\n```python\n"], ids=["bare", "fence", "tag"])
def test_the_steps_of_reading_grow_with_the_size_of_the_text_and_no_faster(unit, prefix):
    """Eight times the text takes at most sixteen times the steps; scanning again and again would take 64 times."""

    def steps(size):
        text = prefix + (unit * (size // len(unit) + 1))[:size]
        return _steps(lambda: [extract(Reply(text=text, finish=finish)) for finish in ("stop", "length")])

    assert steps(24_000) <= 16 * (steps(3_000) + 100)


def _steps(work):
    """Lines of Python that `work` executes: a count, so that a busy machine changes nothing."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def test_the_largest_reply_of_many_tags_on_one_line_is_read():
    """Where each tag copied the rest of its line, this would copy a hundred gigabytes."""
    reading = extract("<execute>a</execute>" * (MAX_REPLY_CHARACTERS // 20))
    assert reading.blocks == MAX_REPLY_CHARACTERS // 20


def test_a_reply_larger_than_any_model_writes_is_returned():
    """The bound holds for replies that did not come over our own client."""
    assert extract("x" * (MAX_REPLY_CHARACTERS + 1)).kind == "returned"


_MARKS = ["```", "~~~", "python", "json", "x=1", "é", "Observation:", "</tool_call>", "<tool_call>"]
_MARKS += [f"<{slash}{tag}>" for tag in ("execute", "solution", "think", "code") for slash in ("", "/")]
ALPHABET = st.sampled_from([*_MARKS, "\n", " ", ">>> ", "\r\n", "\ud800"])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(ALPHABET, max_size=40).map("".join),
    st.sampled_from(["stop", "length", "tool_calls", "content_filter", ""]),
)
def test_every_text_is_read_as_exactly_one_of_action_answer_and_returned(text, finish):
    """The reader never fails, and gives what its kind promises."""
    reading = extract(Reply(text=text, finish=finish))
    given = {"action": reading.source.strip(), "answer": reading.answer.strip(), "returned": reading.reason}
    assert given[reading.kind]
    assert [kind for kind, content in given.items() if content] == [reading.kind]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(blacklist_characters="`~\r<", blacklist_categories=["Cs"]), min_size=1))
def test_a_closed_python_fence_gives_back_what_is_in_it(source):
    """Nothing of an action is lost or added, but blank lines around it."""
    (block,) = scan(f"Thought.\n```python\n{source}\n```\nDone.").blocks
    lines = source.rstrip().split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    assert block.body == "\n".join(lines)
