"""What a reply is: an action, the answer, or something that needs another turn. And which format it came in.

The host never parses model text as Python, so nothing here knows whether a block is a program; it knows how models
mark code. A wrong guess costs one turn: an answer taken for code comes back as an error, and code taken for an answer
is the one mistake that cannot be mended, so a marked block always counts as an action.

Several blocks in one reply are joined, in order, to one action: models split one program over several blocks far more
often than they offer alternatives, and a namespace shared by the blocks is what they expect. Blocks that the model put
after an observation of its own invention are not read.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from safe_codeact.agent.blocks import PYTHON_NAMES, Block, Blocks, Kind, scan
from safe_codeact.agent.reply import MAX_REPLY_CHARACTERS, Reply


class Format(StrEnum):
    """How the model marked what it wrote."""

    tool_call = "tool_call"  # the API's own tool call, or its text form <tool_call>{…}</tool_call>
    fence = "fence"  # ```python, ```py, ~~~, no language
    execute = "execute"  # <execute>…</execute>
    tag = "tag"  # <code>, <python>, <tool_code>, <|python_tag|>
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


TOOL_NAMES = frozenset(
    {"run_python", "execute_code", "python", "execute_python", "run_code", "execute", "code_interpreter"}
    | {"python_interpreter", "ipython", "code"}
)
_CODE_ARGUMENTS = ("code", "source", "python_code", "script", "input", "command")
# What says that the model stopped of its own will; else a block without an end was cut.
_FINISHED = frozenset({"stop", "tool_calls", "function_call", "end_turn", "eos", "stop_sequence"})
_END_TOKENS = ("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|endoftext|>", "<|end|>", "<end_of_turn>", "</s>")
_FINAL_LINE = "final answer:"

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
NO_CODE = 'Your call of {name} held no code, so nothing was run. Its arguments must be {{"code": "…"}}.'


def extract(reply: Reply | str) -> Reading:
    """Reads a reply; a bare string counts as one that ended by itself. Time is linear in its length."""
    if isinstance(reply, str):
        reply = Reply(text=reply, finish="stop")
    if reply.tool_calls:
        return _from_tool_calls(reply)
    text = reply.text
    if len(text) > MAX_REPLY_CHARACTERS:
        return _returned(CUT.format(where=""), thought="")
    thought, rest = _without_thinking(_without_end_tokens(text))
    if rest is None:
        unfinished = reply.finish not in _FINISHED
        return _returned(CUT.format(where=", before any action") if unfinished else EMPTY, thought=thought)
    found = scan(rest)
    thought = "\n\n".join(part for part in (thought, found.prose) if part)
    reading = _action(found, reply, thought)
    return reading if reading is not None else _answer(found, rest, reply, thought)


def _from_tool_calls(reply: Reply) -> Reading:
    thought = reply.text.strip()
    sources: list[str] = []
    for call in reply.tool_calls:
        source = _code_of(call.name, call.arguments)
        if source is None and reply.finish == "length":
            return _returned(CUT.format(where=", inside a tool call"), thought, Format.tool_call)
        if source is None and call.name.lower() not in TOOL_NAMES:
            return _returned(UNKNOWN_TOOL.format(name=call.name[:80] or "without a name"), thought, Format.tool_call)
        if not (source or "").strip():
            return _returned(NO_CODE.format(name=call.name[:80]), thought, Format.tool_call)
        sources.append(_joined_fences(source or ""))
    return Reading(
        kind="action", format=Format.tool_call, source="\n\n".join(sources), thought=thought, blocks=len(sources)
    )


def _code_of(name: str, arguments: str) -> str | None:
    """The code of one call, None where there is none. A known function's arguments may be the bare code."""
    known = name.lower() in TOOL_NAMES
    try:
        values: Any = json.loads(arguments)
    except (ValueError, RecursionError):
        # A model without JSON mode writes the code itself; a `{` says that it meant JSON and failed.
        return arguments if known and not arguments.lstrip().startswith("{") else None
    if isinstance(values, str):
        return values if known else None
    if not known or not isinstance(values, dict):
        return None
    texts = [values[key] for key in _CODE_ARGUMENTS if isinstance(values.get(key), str)]
    return texts[0] if texts else None


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
    sources: list[str] = []
    for block in blocks:
        source = _text_call(block.body) if block.kind is Kind.tool_call else _without_prompts(block)
        if source is None:
            return _returned(NO_CODE.format(name="run_python"), thought, Format.tool_call)
        if source.strip():
            sources.append(source)
    if not sources:
        return _returned(EMPTY_BLOCK, thought, _format(blocks[0]))
    return Reading(
        kind="action", format=_format(blocks[0]), source="\n\n".join(sources), thought=thought, blocks=len(sources)
    )


def _is_python(block: Block) -> bool:
    if block.kind is Kind.fence:
        return block.language in PYTHON_NAMES
    return block.kind is not Kind.solution


def _format(block: Block) -> Format:
    return Format(block.kind.value)


def _text_call(body: str) -> str | None:
    """A tool call written as text: {"name": "run_python", "arguments": {"code": "…"}}, the form of Hermes and Qwen."""
    try:
        call: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return None
    arguments = call.get("arguments", call.get("parameters"))
    return _code_of(call["name"], arguments if isinstance(arguments, str) else json.dumps(arguments))


def _without_prompts(block: Block) -> str:
    """A console session without its prompts and results; any other block as it is."""
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
    if not found.blocks and looks_like_code(bare):
        return Reading(kind="action", format=Format.bare, source=bare, blocks=1)
    final = _after_final_line(bare)
    if final:
        return Reading(kind="answer", format=Format.final_line, answer=final, thought=thought)
    return Reading(kind="answer", format=Format.prose, answer=bare)


def _returned(reason: str, thought: str, format: Format = Format.none) -> Reading:
    return Reading(kind="returned", format=format, reason=reason, thought=thought)


def _without_end_tokens(text: str) -> str:
    """Servers with a wrong template leave the model's end-of-turn token in the text."""
    text = text.rstrip()
    while text.endswith(_END_TOKENS):
        token = next(token for token in _END_TOKENS if text.endswith(token))
        text = text[: -len(token)].rstrip()
    return text


def _without_thinking(text: str) -> tuple[str, str | None]:
    """Splits a leading `<think>…</think>` off: code in there was weighed, not proposed.

    The opener may be missing (templates put it into the prompt). The rest is None where the thinking never ended.
    """
    start = text.lstrip()
    for opener, closer in (("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>")):
        opened = start.startswith(opener)
        place = start.find(closer)
        if opened and place < 0:
            return start[len(opener) :].strip(), None
        ends_line = place >= 0 and start[place + len(closer) : place + len(closer) + 1] in ("", "\n")
        if opened or ends_line:
            return start[len(opener) if opened else 0 : place].strip(), start[place + len(closer) :].lstrip("\n")
    return "", text


def _after_final_line(text: str) -> str:
    """The text after the last line that starts with "Final Answer:" (with or without emphasis); "" without one."""
    lines = text.split("\n")
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index].lstrip(" \t*#_>")
        if line.lower().startswith(_FINAL_LINE):
            first = line[len(_FINAL_LINE) :].strip(" \t*_")
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
