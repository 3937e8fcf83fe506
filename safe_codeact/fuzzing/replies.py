"""Replies of models, as they come and as an attacker who writes the model's text would send them, against the reader of replies.

Whatever the text: one of action, answer and returned, with what that kind promises; a format that is said; the same again
for the same text; what is in a block that cannot be closed from inside comes back letter by letter; and the steps of Python
that reading takes grow with the text and no faster. Steps are counted, not timed: a busy machine changes nothing. Time spent
inside one call of a regular expression is no step; a processor-time alarm ends what never comes back from one.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from safe_codeact.agent import Format, extract
from safe_codeact.agent.extract import Reading
from safe_codeact.agent.marks import ANSWER_NAMES, END_TOKENS, IMAGINED, TAGS, THINKING, TOOL_NAMES
from safe_codeact.agent.reply import Reply, ToolCallText
from safe_codeact.fuzzing import Course, Escape, Run, Setting, Target

_STEPS_PER_CHARACTER: Final = 60  # a mark of three letters costs up to 150 lines of Python
_FREE_STEPS: Final = 4_000
_LARGE: Final = 4_000  # characters from which on steps are compared with those of half the text
_SECONDS: Final = 20.0  # of processor time for one text: only what has no end takes that long

_CODE: Final = (
    "print(1)",
    "x = 1\nx",
    "df['a'].sum()",
    's = """\n```\n"""',
    "final_answer(3)",
    "# é",
    "t = '</think>'",
    "",
)
_MARKS: Final = (
    "```", "~~~", "````", "```python\n", "```py\n", "\n```\n", "`", "Action:", "Action Input:", "Final Answer:", "{", "}", "[", "]", "(",
    '{"name": "run_python", "arguments": {"code": "x"}}', '{"code": "print(1)"}', "<|channel|>", "<|message|>", "to=python", "[ARGS]",
    "<parameter=code>", "</parameter>", "<arg_key>code</arg_key>", "<arg_value>", "</arg_value>", "<｜tool▁sep｜>", "\n", "\r\n", " ",
    ">>> ", "... ", "> ", "\t", "é", "\x1b[2J", "\ud800", "\x00", "\u2028",
    *(tag.opener for tag in TAGS), *(tag.closer for tag in TAGS if tag.closer),
    *(mark for pair in THINKING for mark in pair), *END_TOKENS, *IMAGINED,
)  # fmt: skip
_FINISHES: Final = ("stop", "stop", "length", "tool_calls", "content_filter", "")
# Around code, as models do it: (before, after). The code comes back exactly where it holds none of these itself.
_WRAPS: Final = (
    ("```python\n", "\n```"), ("```py\n", "\n```\n"), ("~~~python\n", "\n~~~"), ("````python\n", "\n````"),
    ("<execute>\n", "\n</execute>"), ("<code>\n", "\n</code>"), ("<tool_code>\n", "\n</tool_code>"),
    ("I'll look.\n\n```python\n", "\n```\nThat does it."), ("<think>hm</think>\n```python\n", "\n```"),
    ("```python\n", "\n```<|im_end|>"), ("```python\n", "\n```<|im_end|>\nThat does it."), ("~~~py\n", "\n~~~</s>\n\nThat does it."),
    *((f"{opener}\nI could try\n```python\nthought = 1\n```\n{closer}\n```python\n", "\n```") for opener, closer in THINKING),
)  # fmt: skip
# Lines of which many are to take no longer, each, than few.
_LINES: Final = (
    "I do it: ```python\n", "I do it: ```python\nx = 1```\n",
    "x = 1```\n", "x = 1\n", "```python\n", "```\n", "~~~~\n", "<execute>x\n", "<execute>", "<think>\n", "> ```\n",
    "Action: run\n", '{"code": "\n', "<code>x = 1\n", "[ARGS]", "Thought: ", "final_answer(\n",
)  # fmt: skip
_PLAIN_CODE: Final = st.lists(
    st.sampled_from(["x = 1", "print(x)", "for i in range(3):", "    total += i", "def f(a):", "    return a * 2", "y = 'é'", "", "f(2)"]),
    min_size=1,
    max_size=8,
).map("\n".join)  # fmt: skip


@st.composite
def _examples(draw: DrawFn) -> dict[str, Any]:
    """{"text", "calls": [[name, arguments]], "finish", "inside": code that must come back, or None, "times": repeated}."""
    example: dict[str, Any] = {
        "text": "",
        "calls": [],
        "finish": draw(st.sampled_from(_FINISHES)),
        "inside": None,
        "times": 1,
    }
    kind = draw(st.sampled_from(["marks", "marks", "wrapped", "calls", "large"]))
    parts = st.lists(st.sampled_from([*_MARKS, *_CODE]) | st.text(max_size=8), max_size=12)
    if kind == "wrapped":
        code = draw(_PLAIN_CODE.filter(lambda code: code.strip() and code == code.strip("\n")))
        before, after = draw(st.sampled_from(_WRAPS))
        example |= {"text": before + code + after, "inside": code, "finish": "stop"}
    elif kind == "calls":
        names = st.sampled_from([*sorted(TOOL_NAMES), *sorted(ANSWER_NAMES), "functions.run_python", "os.system", ""])
        example["calls"] = draw(st.lists(st.tuples(names, parts.map("".join)).map(list), min_size=1, max_size=3))
        example["text"] = "".join(draw(parts))
    elif kind == "large":
        repeated = st.lists(st.sampled_from(_LINES), min_size=1, max_size=3) if draw(st.booleans()) else parts
        example |= {"text": "".join(draw(repeated))[:200], "times": draw(st.sampled_from([50, 200, 400]))}
    else:
        example["text"] = "".join(draw(parts))
    return example


def steps_of(work: Callable[[], object]) -> int:
    """Lines of Python that `work` executes."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
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


@contextlib.contextmanager
def processor_seconds(seconds: float) -> Iterator[None]:
    """Raises `Escape` inside when so much processor time was used; in the main thread only, where signals arrive."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise Escape("a text is read without end", f"more than {seconds:g} s of processor time")

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _read(example: dict[str, Any], times: int) -> Reading:
    calls = tuple(ToolCallText(id="c", name=name, arguments=text) for name, text in example["calls"])
    try:
        return extract(Reply(text=example["text"] * times, tool_calls=calls, finish=example["finish"]))
    except Escape:
        raise
    except Exception as error:
        raise Escape("the reader of replies raised", f"{type(error).__name__}: {error}"[:200]) from error


def _try(example: dict[str, Any]) -> Course:
    times = example["times"]
    with processor_seconds(_SECONDS):
        reading = _read(example, times)
        if _read(example, times) != reading:
            raise Escape("a reply is read otherwise the second time", repr(reading)[:200])
        size = len(example["text"]) * times + sum(len(text) for _, text in example["calls"])
        if times > 1 and size >= _LARGE:
            _require_linear(example, times)
    contents = {"action": reading.source.strip(), "answer": reading.answer.strip(), "returned": reading.reason}
    if [kind for kind, content in contents.items() if content] != [reading.kind]:
        raise Escape("a reply is read as two things, or as none", repr(reading)[:200])
    if reading.format not in set(Format) or (reading.format is Format.none and reading.kind != "returned"):
        raise Escape("a reply is read without a format", repr(reading)[:200])
    inside = example["inside"]
    if inside is not None and (reading.kind, reading.source.strip("\n")) != ("action", inside.rstrip()):
        raise Escape("code in a block does not come back as it was", f"{reading.kind}: {reading.source!r}"[:200])
    return Course(alive=reading.kind != "returned", classes=("parsers",))


def _require_linear(example: dict[str, Any], times: int) -> None:
    size = len(example["text"]) * times
    whole = steps_of(lambda: _read(example, times))
    # Of two halves: whether the last block is closed may decide how often a text is read.
    half = max(steps_of(partial(_read, example, each)) for each in (times // 2, times // 2 + 1))
    if whole > _FREE_STEPS + _STEPS_PER_CHARACTER * size:
        raise Escape("reading takes more steps than a text of that size may", f"{whole} steps for {size} characters")
    if whole > 3 * half + _FREE_STEPS:
        raise Escape("the steps of reading grow faster than the text", f"{half} for half of it, {whole} for all of it")


@contextlib.contextmanager
def _open(_setting: Setting) -> Iterator[Run]:
    yield _try


REPLIES: Final = Target(
    name="replies",
    layer="agent",
    classes=("parsers",),
    claim="any reply is one of action, answer and returned, in a number of steps that grows with it and no faster",
    examples=lambda _setting: _examples(),
    open=_open,
)
