"""What a reply is: an action, the answer, or something that needs another turn. And which format it came in.

The host never parses model text as Python, so nothing here knows whether a block is a program; it knows how models
mark code. A wrong guess costs one turn: an answer taken for code comes back as an error, and code taken for an answer
is the one mistake that cannot be mended, so a marked block always counts as an action.

Several blocks in one reply are joined, in order, to one action: models split one program over several blocks far more
often than they offer alternatives, and a namespace shared by the blocks is what they expect. Blocks that the model put
after an observation of its own invention are not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from safe_codeact.agent.blocks import Block, Blocks, scan
from safe_codeact.agent.marks import ANSWER_NAMES, END_TOKENS, PYTHON_NAMES, THINKING, Kind
from safe_codeact.agent.reply import MAX_REPLY_CHARACTERS, Reply, ToolCallText
from safe_codeact.agent.textcalls import answer_of, bare_name, calls_in, code_of, harmony, is_ours, parsed


class Format(StrEnum):
    """How the model marked what it wrote."""

    tool_call = "tool_call"  # the API's own tool call, or one of its text forms (<tool_call>{…}</tool_call> and kin)
    fence = "fence"  # ```python, ```py, ~~~, no language
    execute = "execute"  # <execute>…</execute>
    tag = "tag"  # <code>, <python>, <tool_code>, <|python_tag|> and kin
    react = "react"  # lines "Action: …" and "Action Input: …"
    bare = "bare"  # code and nothing else, not marked at all
    solution = "solution"  # <solution>…</solution>, <answer>
    final_line = "final_line"  # "Final Answer: …"
    prose = "prose"
    none = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reply, understood.

    `kind` "action" has `source`, "answer" has `answer`; "returned" has `reason`, the sentence for the model that says
    why neither was found. `thought` is the prose around. `blocks` is how many blocks the action was joined from.
    """

    kind: Literal["action", "answer", "returned"]
    format: Format
    source: str = ""
    answer: str = ""
    reason: str = ""
    thought: str = ""
    blocks: int = 0


# What says that the model stopped of its own will; else a block without an end was cut.
_FINISHED = frozenset({"stop", "tool_calls", "function_call", "end_turn", "eos", "stop_sequence"})
_FINAL_LINE = "final answer"
_ACTION_LINE = "action:"
_INPUT_LINE = "action input:"

CUT = (
    "Your reply was cut at the token limit{where}, so nothing was run. "
    "Send it again, shorter: one action in one closed ```python block, or the answer."
)
EMPTY = "Your reply was empty. Send one action in a ```python block, or the answer as plain text."
EMPTY_BLOCK = "Your code block was empty, so nothing was run. Put the action into one ```python block."
UNKNOWN_TOOL = (
    'There is no function {name} to call from here. To act, call run_python with {{"code": …}} '
    "or put Python into one ```python block; the tools are ordinary functions inside it."
)
NO_ANSWER = 'Your call of {name} held no answer. Its arguments must be {{"answer": …}}; or answer in plain text.'
NO_CODE = 'Your call of {name} held no code, so nothing was run. Its arguments must be {{"code": "…"}}.'


def extract(reply: Reply | str) -> Reading:
    """Reads a reply; a bare string counts as one that ended by itself. Time is linear in its length."""
    if isinstance(reply, str):
        reply = Reply(text=reply, finish="stop")
    text = reply.text
    if len(text) > MAX_REPLY_CHARACTERS:
        return _returned(CUT.format(where=""), thought="")
    channels = harmony(text)
    if channels is not None:
        reply = replace(reply, text=channels.text, tool_calls=reply.tool_calls or channels.calls)
        reading = _read(reply)
        return replace(reading, thought=_joined(channels.thought, reading.thought))
    return _read(reply)


def _read(reply: Reply) -> Reading:
    if reply.tool_calls:
        return _from_calls(reply.tool_calls, reply, reply.text.strip())
    thought, rest = without_thinking(without_end_tokens(reply.text))
    if rest is None:
        unfinished = reply.finish not in _FINISHED
        return _returned(CUT.format(where=", before any action") if unfinished else EMPTY, thought=thought)
    found = scan(rest)
    if _ends_in_stray_fence(found):
        rest = rest.rstrip().rpartition("\n")[0]
        found = scan(rest)
    thought = _joined(thought, found.prose)
    reading = _action(found, reply, thought) or _react(found, rest, reply, thought)
    return reading if reading is not None else _answer(found, rest, reply, thought)


def _from_calls(calls: Sequence[ToolCallText], reply: Reply, thought: str) -> Reading:
    """Calls of the interpreter, joined; or one that gives the answer, where nothing is to be run."""
    sources: list[str] = []
    answers: list[str] = []
    for call in calls:
        answer = answer_of(call)
        if answer is not None and answer.strip() and reply.finish != "length":
            answers.append(answer)
            continue
        source = code_of(call)
        # JSON that is whole was not cut; bare code does not tell.
        if reply.finish == "length" and (source is None or parsed(call.arguments) is None):
            return _returned(CUT.format(where=", inside a tool call"), thought, Format.tool_call)
        if source is None and not is_ours(call):
            return _returned(UNKNOWN_TOOL.format(name=call.name[:80] or "without a name"), thought, Format.tool_call)
        source = _joined_fences(source or "")
        if not source.strip():
            reason = NO_CODE if answer is None else NO_ANSWER
            return _returned(reason.format(name=call.name[:80]), thought, Format.tool_call)
        sources.append(source)
    if not sources:
        return Reading(kind="answer", format=Format.tool_call, answer="\n\n".join(answers), thought=thought)
    return Reading(
        kind="action", format=Format.tool_call, source="\n\n".join(sources), thought=thought, blocks=len(sources)
    )


def _joined_fences(source: str) -> str:
    """The code inside a tool call's own fence; the source itself where it has none around it."""
    if not source.lstrip().startswith("```"):
        return source
    bodies = [block.body for block in scan(source, tags=False).blocks]
    return "\n\n".join(bodies) or source


def _action(found: Blocks, reply: Reply, thought: str) -> Reading | None:
    marked = [block for block in found.blocks if _is_python(block)]
    unnamed = [block for block in found.blocks if block.kind is Kind.fence and block.language == ""]
    # Beside blocks that say Python, a fence without a language is an example of the output.
    blocks = marked or unnamed
    has_solution = any(block.kind is Kind.solution for block in found.blocks)
    if not blocks or (has_solution and not marked):
        return None
    if not all(block.closed for block in blocks) and reply.finish not in _FINISHED:
        return _returned(CUT.format(where=", inside a code block"), thought, _format(blocks[-1]))
    if any(_is_call(block) for block in blocks):
        return _from_call_blocks(blocks, reply, thought)
    sources = [source for source in map(_without_prompts, blocks) if source.strip()]
    if not sources:
        return _returned(EMPTY_BLOCK, thought, _format(blocks[0]))
    return Reading(
        kind="action", format=_format(blocks[0]), source="\n\n".join(sources), thought=thought, blocks=len(sources)
    )


def _ends_in_stray_fence(found: Blocks) -> bool:
    """Small models close a block that they never opened: a bare fence at the end, with nothing after it, opens none."""
    if not found.blocks or not found.prose or found.prose.endswith(":"):  # "I'll run this:" was about to open one
        return False
    last = found.blocks[-1]
    return last.kind is Kind.fence and last.language == "" and not last.closed and not last.body


def _is_python(block: Block) -> bool:
    if block.kind is Kind.fence:
        return block.language in PYTHON_NAMES
    return block.kind is not Kind.solution


def _format(block: Block) -> Format:
    return Format(block.kind.value)


def _is_call(block: Block) -> bool:
    """Llama writes code or a JSON call after one and the same token."""
    if block.kind is Kind.tool_call:
        return True
    return block.kind is Kind.tag and block.body.startswith("{") and any(map(is_ours, calls_in(block.body)))


def _from_call_blocks(blocks: Sequence[Block], reply: Reply, thought: str) -> Reading:
    calls: list[ToolCallText] = []
    for block in blocks:
        if _is_call(block):
            found = calls_in(block.body)
            if not found:
                return _returned(NO_CODE.format(name="run_python"), thought, Format.tool_call)
            calls.extend(found)
        elif block.body.strip():
            calls.append(ToolCallText(id="", name="run_python", arguments=_without_prompts(block)))
    # Each block was whole, however the reply ended.
    return _from_calls(calls, replace(reply, finish="stop"), thought)


def _react(found: Blocks, text: str, reply: Reply, thought: str) -> Reading | None:
    """ "Action:" names a function, "Action Input:" gives its arguments, up to the end. None where there are no such lines."""
    if any(_is_python(block) for block in found.blocks):
        return None
    lines = text.split("\n")
    marked = {_label(line): number for number, line in reversed(list(enumerate(lines))) if _label(line)}
    action, given = marked.get(_ACTION_LINE), marked.get(_INPUT_LINE)
    if action is None:
        return None
    end = next((n for n in range(action + 1, len(lines)) if _bare(lines[n]).lower().startswith("observation:")), None)
    name = _bare(lines[action])[len(_ACTION_LINE) :].strip(" `*_")
    thought = "\n".join(lines[:action]).strip()
    if given is None or given < action:
        called, bracket, inner = name.partition("[")
        if bare_name(called) not in ANSWER_NAMES or not bracket or "]" not in inner:
            return None
        return Reading(kind="answer", format=Format.react, answer=inner.rpartition("]")[0].strip(), thought=thought)
    if reply.finish not in _FINISHED and end is None:
        return _returned(CUT.format(where=", inside an action"), thought, Format.react)
    first = _bare(lines[given])[len(_INPUT_LINE) :].strip()
    arguments = _joined_fences("\n".join([first, *lines[given + 1 : end]]).strip()).strip("`")
    call = ToolCallText(id="", name=name, arguments=arguments)
    return replace(_from_calls([call], replace(reply, finish="stop"), thought), format=Format.react)


def _label(line: str) -> str:
    low = _bare(line).lower()
    return next((label for label in (_INPUT_LINE, _ACTION_LINE) if low.startswith(label)), "")


def _bare(line: str) -> str:
    """A line without the emphasis and the indentation at its start."""
    return line.lstrip(" \t*#_>").replace(":**", ":", 1)


def _json_reply(found: Blocks, text: str) -> list[ToolCallText]:
    """Calls that are the whole reply, or its one JSON block: what models write that were trained on calls."""
    bodies = [block.body for block in found.blocks if block.language in ("json", "tool_call", "tool_use")]
    body = bodies[0] if len(found.blocks) == len(bodies) == 1 else "" if found.blocks else text
    calls = calls_in(body) if body.lstrip().startswith(("{", "[")) else []
    return calls if calls and all(map(is_ours, calls)) else []


def _without_prompts(block: Block) -> str:
    """A console session without its prompts and results; any other block as it is.

    The language may have slipped into the first line of the block.
    """
    first, _, rest = block.body.partition("\n")
    if block.language == "" and first.strip().lower() in ("python", "py", "python3"):
        return rest
    if not block.body.startswith(">>> "):
        return block.body
    lines = block.body.split("\n")
    return "\n".join(line[4:] for line in lines if line.startswith((">>> ", "... ")) or line in (">>>", "..."))


def _answer(found: Blocks, text: str, reply: Reply, thought: str) -> Reading:
    solutions = [block for block in found.blocks if block.kind is Kind.solution]
    if reply.finish == "length" and not (solutions and solutions[-1].closed):
        return _returned(CUT.format(where=""), thought)
    if solutions:
        answer = "\n\n".join(block.body.strip() for block in solutions)
        if answer.strip():
            return Reading(kind="answer", format=Format.solution, answer=answer, thought=thought)
    bare = text.strip()
    if not bare:
        return _returned(EMPTY, thought)
    calls = _json_reply(found, bare)
    if calls:
        return _from_calls(calls, reply, "" if bare.startswith(("{", "[")) else thought)
    if not found.blocks and looks_like_code(bare):
        return Reading(kind="action", format=Format.bare, source=bare, blocks=1)
    final = _after_final_line(bare)
    if final:
        return Reading(kind="answer", format=Format.final_line, answer=final, thought=thought)
    return Reading(kind="answer", format=Format.prose, answer=bare)


def _returned(reason: str, thought: str, format: Format = Format.none) -> Reading:
    return Reading(kind="returned", format=format, reason=reason, thought=thought)


def without_end_tokens(text: str) -> str:
    """Servers with a wrong template leave the model's end-of-turn token in the text."""
    text = text.rstrip()
    while text.endswith(END_TOKENS):
        token = next(token for token in END_TOKENS if text.endswith(token))
        text = text[: -len(token)].rstrip()
    return text


def without_thinking(text: str) -> tuple[str, str | None]:
    """Splits a leading `<think>…</think>` off: code in there was weighed, not proposed.

    The opener may be missing (templates put it into the prompt). The rest is None where the thinking never ended.
    """
    start = text.lstrip()
    for opener, closer in THINKING:
        if start.startswith(opener):
            thought, closed, rest = start[len(opener) :].partition(closer)
            return thought.strip(), rest.lstrip("\n") if closed else None
    for _, closer in THINKING:
        # Without an opener it counts on a line of its own, and not inside a block: code may be about such tags.
        thought, closed, rest = f"\n{start}".partition(f"\n{closer}")
        if closed and rest[:1] in ("", "\n") and all(block.closed for block in scan(thought).blocks):
            return thought.strip(), rest.lstrip("\n")
    return "", text


def _after_final_line(text: str) -> str:
    """The text after the last line that starts with "Final Answer:" (or is a heading of that); "" without one."""
    lines = text.split("\n")
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index].lstrip(" \t*#_>")
        rest = line[len(_FINAL_LINE) :].strip(" \t*_")
        if line.lower().startswith(_FINAL_LINE) and (not rest or rest.startswith(":")):
            first = rest[1:].strip(" \t*_")
            return "\n".join([first, *lines[index + 1 :]]).strip()
    return ""


# Each alternative is anchored and reads a line once: no part of a pattern can give back what another could take.
_STATEMENT = re.compile(
    r"import\s[\w.]+(?:\sas\s\w+)?(?:,.*)?$|from\s[\w.]+\simport\s"
    r"|(?:def|class)\s\w+\s?[(:]|(?:for|while|if|elif|with|try|except|else|finally|async|match)\b.*:$"
    r"|(?:return|raise|assert|del|global|yield|await)\s|(?:pass|break|continue)$"
    r"|[A-Za-z_][\w.]*(?:\[[^\]]*\])?(?:, ?[A-Za-z_]\w*)*\s?(?:[-+*/%&|^@]|//|\*\*|<<|>>)?=[^=]"
    r"|[A-Za-z_][\w.]*\(.*[)(,\[{]$"
    r"|[#@\"')\]}]"
)
# `x = 5` and `sin(x)` are answers to many a question; these are not.
_ACTING = re.compile(r"(?:import|from|def|class|for|while|with|try)\b|(?:print|final_answer)\(|[\w.]+ = [\w.]+\(")
_LONGEST_JUDGED_LINE = 2_000


def looks_like_code(text: str) -> bool:
    """True where every line that is not indented reads like a statement, and at least one surely is.

    For models that mark nothing. Narrow on purpose: one line of prose anywhere makes the reply an answer.
    """
    acts = False
    for line in text.split("\n"):
        if not line.strip() or line[0] in " \t":
            continue
        if len(line) > _LONGEST_JUDGED_LINE or not _STATEMENT.match(line.rstrip()):
            return False
        acts = acts or _ACTING.match(line) is not None
    return acts


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
