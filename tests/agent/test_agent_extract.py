"""Reading a reply."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replies import CORPUS

from safe_codeact.agent import Format, extract
from safe_codeact.agent.blocks import scan
from safe_codeact.agent.reply import MAX_REPLY_CHARACTERS, Reply, ToolCallText


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


def test_the_corpus_has_at_least_200_different_replies_with_distinct_names():
    """The table is not thinned out, and no reply is in it twice."""
    assert len({case.name for case in CORPUS}) == len(CORPUS) >= 200
    assert len({case.reply for case in CORPUS}) == len(CORPUS)


def test_every_format_has_replies_in_the_corpus():
    """And the corpus says of each which one it is."""
    assert {case.format for case in CORPUS} == {format.value for format in Format}


def fenced(source):
    """`source` in a block that nothing in it can close; None where a block cannot hold it."""
    marker = "~" * 7
    return None if marker in source or source != source.strip("\n") else f"{marker}python\n{source}\n{marker}"


@pytest.mark.parametrize("case", [case for case in CORPUS if case.kind == "action"], ids=lambda case: case.name)
def test_an_action_written_back_is_read_as_itself(case):
    """Reading is idempotent: what was understood once is understood the same again."""
    source = extract(case.reply).source
    again = extract(fenced(source.strip("\n")))
    assert (again.kind, again.source) == ("action", source.strip("\n"))


OPENERS = ["```python\n", "```\n", "~~~py\n", "<execute>\n", "<code>\n", "<|python_tag|>", "[PYTHON]\n"]
OPENERS += ["<tool_call>\n", "[TOOL_CALLS] ", "<function=run_python>", "<｜tool▁calls▁begin｜>", "Prose: ```python\n"]
OPENERS += ["Action: run_python\nAction Input: ", "<|channel|>commentary to=python<|message|>"]


@pytest.mark.parametrize("opener", OPENERS)
@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_characters="`~<>[]{}:|", exclude_categories=["Cs", "Cc"]), min_size=1))
def test_a_block_that_was_cut_is_never_lost_without_a_word(opener, body):
    """At the token limit an open block is neither run nor taken for prose: the model is told."""
    reading = extract(Reply(text=f"I'll go.\n{opener}x = {body}", finish="length"))
    assert reading.kind == "returned"
    assert "cut at the token limit" in reading.reason


@pytest.mark.parametrize(
    "opener", ["```python\n", "~~~py\n", "<execute>\n", "<code>\n", "<|python_tag|>", "[PYTHON]\n"]
)
@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_characters="`~<>[]{}:|", exclude_categories=["Cs", "Cc"]), min_size=1))
def test_a_block_without_an_end_in_a_reply_that_ended_by_itself_is_an_action(opener, body):
    """Stop sequences eat closers."""
    reading = extract(f"I'll go.\n{opener}x = {body}")
    assert (reading.kind, reading.source) == ("action", f"x = {body}".rstrip())


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
    "channels": "<|channel|>",
    "whole channels": "<|channel|>analysis<|message|>x<|end|>",
    "calls in tokens": "[TOOL_CALLS]run_python[ARGS]{}",
    "open calls in tokens": "[TOOL_CALLS]",
    "functions": "<function=run_python><parameter=code>x",
    "whole functions": "<function=run_python>x</function>\n",
    "glm keys": "<tool_call>x<arg_key>code</arg_key><arg_value>",
    "action lines": "Action: run_python\nAction Input: x\n",
    "observations": "Action: x\nObservation: \n",
    "json objects": '{"name": "x"} ',
    "json openers": '[{"name": [',
    "deepseek": "<｜tool▁calls▁begin｜><｜tool▁sep｜>",
    "closing tokens": "```<end_code>\n",
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
_MARKS += [
    '{"name": "run_python", "arguments": {"code": "x"}}',
    "Action:",
    "Action Input:",
    "run_python",
    "final_answer",
]
_MARKS += ["<|channel|>", "<|message|>", "to=python", "final", "<|end|>", "[TOOL_CALLS]", "[ARGS]", "<|python_tag|>"]
_MARKS += ["<function=", "</function>", "<parameter=code>", "</parameter>", "<arg_key>", "<arg_value>", ">", "{", "["]
_MARKS += [
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁sep｜>",
    "<｜tool▁call▁end｜>",
    "<end_code>",
    "Final Answer:",
    "TERMINATE",
]
_MARKS += [f"<{slash}{tag}>" for tag in ("execute", "solution", "think", "code") for slash in ("", "/")]
ALPHABET = st.sampled_from([*_MARKS, "\n", " ", ">>> ", "\r\n", "\ud800"])


@settings(max_examples=600, deadline=None)
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
    assert extract(Reply(text=text, finish=finish)) == reading


TEXTS = [case.reply.text for case in CORPUS if case.reply.text]


@st.composite
def damaged(draw):
    """A reply of the corpus with marks put in, pieces of others put in, and pieces taken out."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(text)))
        put = draw(
            st.one_of(st.just(""), st.sampled_from(_MARKS), st.sampled_from(TEXTS).map(lambda other: other[:60]))
        )
        text = text[:place] + put + text[place + draw(st.integers(0, 12)) :]
    return text


@settings(max_examples=400, deadline=None)
@given(damaged(), st.sampled_from(["run_python", "final_answer", "x", "functions.python:0"]), st.booleans())
def test_a_damaged_reply_of_the_corpus_is_read_as_something(text, name, as_call):
    """As text, and as the arguments of a call: no damage brings the reader down, and none reads as two things."""
    calls = (ToolCallText(id="c", name=name, arguments=text),) if as_call else ()
    for finish in ("stop", "length"):
        reading = extract(Reply(text=text, tool_calls=calls, finish=finish))
        given = {"action": reading.source.strip(), "answer": reading.answer.strip(), "returned": reading.reason}
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
