"""Tool calls that a model wrote as text: JSON, XML and token-separated forms, read into names and arguments.

Every family's template writes calls its own way, and a server that does not know the template hands them on as text.
Each form is tried once, from the strictest on; each reads the text once. What none of them reads is no call, and the
model is told how to act instead.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from safe_codeact.agent.blocks import scan
from safe_codeact.agent.marks import ANSWER_ARGUMENTS, ANSWER_NAMES, CODE_ARGUMENTS, TOOL_NAMES
from safe_codeact.agent.reply import MAX_TOOL_CALLS, ToolCallText

_NAMES = ("name", "tool_name", "tool", "function", "action", "recipient_name")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "action_input", "tool_input", "kwargs")
# Literal line breaks inside a JSON string are the commonest slip of models that write code into one.
_JSON = json.JSONDecoder(strict=False)
# What separates a call's name from its arguments, where tokens do.
_SEPARATORS = ("<|tool_call_argument_begin|>", "<｜tool▁sep｜>", "[args]")
_BETWEEN = ("<|tool_call_begin|>", "<|tool_call_end|>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>")


@dataclass(frozen=True, slots=True)
class Harmony:
    """A reply in channels: what was thought, what is for the user, and the calls."""

    thought: str
    text: str
    calls: tuple[ToolCallText, ...]


def parsed(text: str) -> Any:
    """`text` as JSON, with literal line breaks in its strings allowed; None where it is none.

    Small models miscount braces. Missing ones at the end are added: what they close was whole, or it would not parse.
    """
    for missing in ("", "}", "}}", "}]") if text.lstrip().startswith(("{", "[")) else ("",):
        try:
            return json.loads(text + missing, strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def calls_in(body: str) -> list[ToolCallText]:
    """The calls of a block, in order; empty where it holds none."""
    bare = _unfenced(body.strip())
    for form in (_json_calls, _separated_calls, _xml_calls, _named_call):
        calls = form(bare)
        if calls:
            return calls[:MAX_TOOL_CALLS]
    return []


def is_ours(call: ToolCallText) -> bool:
    """Whether the call is to the interpreter or gives the answer."""
    name = bare_name(call.name)
    return name in TOOL_NAMES or name in ANSWER_NAMES


def bare_name(name: str) -> str:
    """`functions.run_python:0` is `run_python`."""
    return name.strip().lower().removeprefix("functions.").partition(":")[0]


def code_of(call: ToolCallText) -> str | None:
    """The code of a call of the interpreter, None where there is none. Its arguments may be the bare code."""
    if bare_name(call.name) not in TOOL_NAMES:
        return None
    values = parsed(call.arguments)
    if values is None:
        # A model without JSON mode writes the code itself; a `{` says that it meant JSON and failed.
        return None if call.arguments.lstrip().startswith("{") else call.arguments
    if isinstance(values, str):
        return values
    return _first_text(values, CODE_ARGUMENTS) if isinstance(values, dict) else None


def answer_of(call: ToolCallText) -> str | None:
    """What a call of `final_answer` gives, as text; None for any other call."""
    if bare_name(call.name) not in ANSWER_NAMES:
        return None
    values = parsed(call.arguments)
    if not isinstance(values, dict):
        return values if isinstance(values, str) else call.arguments.strip()
    if not values:
        return ""
    text = _first_text(values, ANSWER_ARGUMENTS)
    if text is not None:
        return text
    only = next(iter(values.values()), "") if len(values) == 1 else values
    return only if isinstance(only, str) else json.dumps(only, ensure_ascii=False)


def harmony(text: str) -> Harmony | None:
    """A reply in the channels of gpt-oss (`<|channel|>analysis<|message|>…<|end|>`); None for any other text."""
    if "<|channel|>" not in text or "<|message|>" not in text:
        return None
    before, *parts = text.split("<|channel|>")
    if not all(block.closed for block in scan(before).blocks):
        return None  # the block is code about such tokens
    thoughts: list[str] = []
    said: list[str] = [before.removesuffix("<|start|>assistant")]
    calls: list[ToolCallText] = []
    for part in parts:
        header, _, body = part.partition("<|message|>")
        body = _until(body, ("<|end|>", "<|call|>", "<|return|>", "<|start|>"))
        _, addressed, recipient = header.partition("to=")
        if addressed:
            name = recipient.partition("<")[0].split(None, 1)
            calls.append(_call(name[0] if name else "", body.strip()))
        elif header.strip().lower().startswith("final"):
            said.append(body)
        else:
            thoughts.append(body.strip())
    return Harmony("\n\n".join(thoughts), "\n".join(said).strip(), tuple(calls[:MAX_TOOL_CALLS]))


def _call(name: str, arguments: Any) -> ToolCallText:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ToolCallText(id="", name=name.strip(), arguments=text)


def _json_calls(text: str) -> list[ToolCallText]:
    """One object, a list of them, or one after the other."""
    calls: list[ToolCallText] = []
    position = 0
    if text.startswith(("{", "[")) and not text.endswith(("}]", "}}}")):
        whole = parsed(text)
        calls = [call for call in map(_object_call, whole if isinstance(whole, list) else [whole]) if call is not None]
        if calls:
            return calls
    while text[position : position + 1] in ("{", "["):
        try:
            value, position = _JSON.raw_decode(text, position)
        except (ValueError, RecursionError):
            break
        for item in value if isinstance(value, list) else [value]:
            call = _object_call(item)
            if call is not None:
                calls.append(call)
        while position < len(text) and text[position] in " \t\n;,":
            position += 1
        if len(calls) >= MAX_TOOL_CALLS:
            break
    return calls


def _object_call(item: Any) -> ToolCallText | None:
    if not isinstance(item, dict):
        return None
    if isinstance(item.get("function"), dict):  # the API's own shape
        item = item["function"]
    name = _first_text(item, _NAMES)
    key = next((key for key in _ARGUMENTS if key in item), None)
    # A name alone is as likely a row of the answer.
    return None if name is None or key is None else _call(name, item[key])


def _separated_calls(text: str) -> list[ToolCallText]:
    """DeepSeek, Kimi, Mistral: tokens between the calls, and one between a call's name and its arguments."""
    folded = text.replace("[ARGS]", "[args]").replace("[TOOL_CALLS]", _BETWEEN[0])
    separator = next((mark for mark in _SEPARATORS if mark in folded), None)
    if separator is None:
        return []
    for mark in _BETWEEN:
        folded = folded.replace(mark, _BETWEEN[0])
    calls = []
    for part in folded.split(_BETWEEN[0]):
        name, found, arguments = part.partition(separator)
        if found and name.strip().lower() == "function":  # DeepSeek's first template says the kind, then the name
            name, _, arguments = arguments.partition("\n")
        if found:
            calls.append(_call(name, _unfenced(arguments.strip())))
    return calls


def _xml_calls(text: str) -> list[ToolCallText]:
    """`<function=NAME>…</function>`, `<invoke name="NAME">…</invoke>`, and GLM's keys and values."""
    if "<arg_key>" in text:
        return [_glm_call(text)]
    calls = []
    for opener, closer in (("<function=", "</function>"), ("<invoke name=", "</invoke>")):
        for part in text.split(opener)[1:]:
            calls.append(_xml_call(_until(part, (closer,))))
    if not calls and ">" in text.partition("\n")[0]:  # the opener was the block's own
        calls.append(_xml_call(text))
    return [call for call in calls if call.name]


def _xml_call(text: str) -> ToolCallText:
    name, _, inner = text.partition(">")
    arguments: dict[str, str] = {}
    for opener in ("<parameter=", "<parameter name="):
        for part in inner.split(opener)[1:]:
            key, _, value = _until(part, ("</parameter>",)).partition(">")
            arguments.setdefault(key.strip(" \"'"), value.strip("\n"))
    plain = name.strip(" \"'")
    # Anything but a name is markup or an expression that happens to hold a ">".
    return _call(plain if plain.replace(".", "").isidentifier() else "", arguments or inner.strip())


def _glm_call(text: str) -> ToolCallText:
    name, *parts = text.split("<arg_key>")
    arguments = {}
    for part in parts:
        key, _, rest = part.partition("</arg_key>")
        value = rest.partition("<arg_value>")[2]
        arguments[key.strip()] = _until(value, ("</arg_value>",)).strip("\n")
    return _call(name, arguments)


def _named_call(text: str) -> list[ToolCallText]:
    """A known name on a line of its own, then its arguments."""
    name, _, arguments = text.partition("\n")
    return [_call(name, arguments.strip())] if bare_name(name) in TOOL_NAMES | ANSWER_NAMES and arguments else []


def _first_text(values: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((values[key] for key in keys if isinstance(values.get(key), str)), None)


def _until(text: str, marks: tuple[str, ...]) -> str:
    for mark in marks:
        text = text.partition(mark)[0]
    return text


def _unfenced(text: str) -> str:
    """The text inside a fence that is all of `text`; a fence's end may be missing."""
    if not text.startswith("```"):
        return text
    return text.partition("\n")[2].rstrip().removesuffix("```").rstrip()
