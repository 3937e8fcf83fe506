"""How a row of the corpus is written: a reply, and what it is to be read as."""

from __future__ import annotations

import json
from dataclasses import dataclass

from safe_codeact.agent.reply import Reply, ToolCallText


@dataclass(frozen=True, kw_only=True)
class Case:
    """`expected` is the action's source, the answer, or a part of the reason why the reply is returned."""

    name: str
    reply: Reply
    kind: str
    format: str
    expected: str
    blocks: int | None = None


def action(name, text, expected, format="fence", *, finish="stop", blocks=None):
    reply = Reply(text=text, finish=finish)
    return Case(name=name, reply=reply, kind="action", format=format, expected=expected, blocks=blocks)


def answer(name, text, expected, format="prose", *, finish="stop"):
    return Case(name=name, reply=Reply(text=text, finish=finish), kind="answer", format=format, expected=expected)


def returned(name, text, expected, format="none", *, finish="stop"):
    return Case(name=name, reply=Reply(text=text, finish=finish), kind="returned", format=format, expected=expected)


def calls(name, *pairs, kind="action", expected="", text="", finish="tool_calls", blocks=None):
    made = tuple(
        ToolCallText(id=f"c{number}", name=function, arguments=arguments)
        for number, (function, arguments) in enumerate(pairs)
    )
    reply = Reply(text=text, tool_calls=made, finish=finish)
    return Case(name=name, reply=reply, kind=kind, format="tool_call", expected=expected, blocks=blocks)


def code(source):
    return json.dumps({"code": source})
