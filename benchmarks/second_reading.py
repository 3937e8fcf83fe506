"""A second reader of replies, built from other parts, to be compared with the first.

The agent's own reader goes through the text once by rules of its own. This one asks a CommonMark parser (markdown-it, which
rich brings along) for the fenced blocks, and Python's compiler whether text without a fence is a program: the host must not
do that with a model's text, a check on a developer's machine may. It knows the formats of a model that writes Markdown, and
says "unsure" about replies that hold another one.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PYTHON = {"python", "py", "python3", "ipython", "pycon"}
_OTHER_FORMATS = re.compile(
    r"<execute>|<code>|<python>|<tool_call>|<function|<solution>|<answer>|<think|^\s*action:|^\s*>>> |^\s*[*#_]*final answer",
    re.I | re.M,
)
_IMAGINED = re.compile(r"^[ \t*#_>]*(?:observation:|execution result:)", re.I | re.M)


@dataclass(frozen=True)
class Second:
    """`kind` "action", "answer", "returned" or "unsure"; `content` is the source or the answer."""

    kind: str
    content: str = ""
    why: str = ""


def read(text: str, finish: str) -> Second:
    """The reply as Markdown has it."""
    if _OTHER_FORMATS.search(text):
        return Second("unsure", why="another format")
    text = text.replace("<|im_end|>", "").rstrip()
    fences = _fences(text)
    for token, place in fences:
        anew = re.search(r"^```(?:python|py)\b.*$", token.content, re.M)
        if anew and token.info.strip().lower() in {*_PYTHON, ""}:
            # A person sees that the model began anew and forgot to close: so close it, and look again.
            lines = text.split("\n")
            lines.insert(place[0] + 1 + token.content.count("\n", 0, anew.start()), "```")
            return read("\n".join(lines), finish)
    lines = text.split("\n")
    if fences and lines[-1].strip() == "```" and not fences[-1][0].content and fences[-1][1][0] == len(lines) - 1:
        before = "\n".join(lines[:-1]).rstrip()
        if before and not before.endswith((":", "```")):  # the end of a block that was never begun
            return read(before, finish)
    blocks = []
    for token, place in fences:
        before = "\n".join(lines[: place[0]])
        if blocks and _IMAGINED.search(before):
            break  # it made up the observation: what follows was not proposed
        last = lines[place[1] - 1].strip() if place[1] <= len(lines) else ""
        closed = place[1] - place[0] > 1 and last.startswith(token.markup) and not last.strip(token.markup[0])
        blocks.append((token.info.strip().split(" ")[0].lower(), token.content, closed))
    chosen = [block for block in blocks if block[0] in _PYTHON] or [block for block in blocks if not block[0]]
    if chosen:
        if finish == "length" and not all(closed for _, _, closed in chosen):
            return Second("returned", why="cut in a block")
        sources = [content.rstrip() for _, content, _ in chosen if content.strip()]
        return (
            Second("action", "\n\n".join(map(_without_blank_start, sources)))
            if sources
            else Second("returned", why="empty")
        )
    if not text.strip():
        return Second("returned", why="empty")
    if finish == "length":
        return Second("returned", why="cut")
    return Second("action", text.strip()) if not blocks and is_program(text) else Second("answer", text.strip())


def _fences(text: str) -> list[tuple[Token, list[int]]]:
    found = [token for token in MarkdownIt("commonmark").parse(text) if token.type == "fence"]
    return [(token, token.map) for token in found if token.map is not None]


def _without_blank_start(source: str) -> str:
    lines = source.split("\n")
    while lines and not lines[0].strip():
        del lines[0]
    return "\n".join(lines)


def is_program(text: str) -> bool:
    """Whether the whole text compiles and does something: prose of one word compiles too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(text.strip())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    acting = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.With, ast.Try)
    return any(isinstance(node, acting) or _prints(node) for node in tree.body)


def _prints(node: ast.stmt) -> bool:
    called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
    return called and node.value.func.id in ("print", "final_answer")  # type: ignore[attr-defined]
