"""Source as an attack: what is decided about the text before CPython's parser sees it.

Threat: a text that costs the parser far more than its length (1 MiB of `x,` takes 650 MB), or that overflows its stack.
What we do: bound length, characters and tokens here, linearly; let CPython's own limits (200 brackets, 100 indents) and
its MemoryError and RecursionError speak where they do; bound depth and nodes in the walk.
What still gets through: about 40 MB and 0.3 s for the largest text allowed.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from typing import Any

from safe_codeact.gate.names import MARKER
from safe_codeact.gate.rule import Situation
from safe_codeact.gate.rules import (
    g101_source_size,
    g102_source_text,
    g103_syntax_error,
    g104_source_complexity,
)

MOST_TOKENS = 100_000
MOST_DEPTH = 180  # levels of the syntax tree; elif chains and a + b + c … count one level each
MOST_NODES = 150_000
MOST_KEYWORDS = 1_000  # of one call, class or class pattern: CPython compares each with each
MOST_HANDLERS = 20  # of exceptions, inside each other in one function
MOST_COPIES = 300_000  # nodes, with the code of `finally` counted as often as it is compiled
ACTION_FILENAME = "<action>"

_TOKEN = re.compile(r"\w+|[^\w\s]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def bounded(source: str, situation: Situation) -> str | None:
    """The text that may be parsed, or None after a finding. A leading byte order mark is dropped, as for a file."""
    limit = situation.policy.limits.source_kb * 1024
    size = len(source) if source.isascii() else len(source.encode("utf-8", "surrogatepass"))
    if size > limit:
        g101_source_size.report(situation, size, limit)
        return None
    source = source.removeprefix("\ufeff")
    for position, what in _unusable(source):
        g102_source_text.report(situation, source, position, what)
        return None
    tokens = sum(1 for _ in _TOKEN.finditer(source)) if len(source) > MOST_TOKENS else 0
    if tokens > MOST_TOKENS:
        g104_source_complexity.report(situation, f"the source has {tokens} tokens; {MOST_TOKENS} are allowed")
        return None
    return source


def copies(node: ast.AST) -> tuple[int, int]:
    """How many nodes CPython compiles, and how many of them leave a block, for a tree of bounded depth.

    A `finally` is compiled for the end of its block, for an exception, and for each `return`, `break` and `continue` that
    leaves through it: thirty of them inside each other are a billion. Counting stops where `MOST_COPIES` is passed.
    """
    nodes, exits = 1, int(isinstance(node, (ast.Return, ast.Break, ast.Continue)))
    last = list(node.finalbody) if isinstance(node, (ast.Try, ast.TryStar)) else []
    for child in ast.iter_child_nodes(node):
        if child not in last:
            inside, leaving = copies(child)
            nodes, exits = nodes + inside, exits + leaving
            if nodes > MOST_COPIES:
                return nodes, exits
    times = 2 + exits
    for child in last:
        inside, leaving = copies(child)
        nodes, exits = nodes + times * inside, exits + times * leaving
        if nodes > MOST_COPIES:
            break
    return nodes, exits


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# How many handlers of exceptions a node makes, inside each other: a `try` for its handler, that one's name, and `finally`.
_HANDLERS: dict[type[ast.AST], Callable[[Any], int]] = {
    ast.AsyncFor: lambda node: 1,
    **dict.fromkeys((ast.With, ast.AsyncWith), lambda node: len(node.items)),
    ast.Try: lambda node: 1 + bool(node.finalbody) + bool(node.handlers),
    ast.TryStar: lambda node: 3 + bool(node.finalbody),
    **dict.fromkeys(_COMPREHENSIONS, lambda node: 1 + sum(part.is_async for part in node.generators)),
}


def handlers(source: str, tree: ast.AST) -> int:
    """How many handlers of exceptions the compiled code may have inside each other; 0 for texts with too few to matter.

    CPython has room for 21 and counts only statements, not the parts of a `try`, nor the comprehensions that are compiled
    in line since 3.12: where there are more it writes past the end of an array, and dies (3.12.1, 3.13.0).
    """
    managers = source.count("with") and source.count("with") + source.count(",")
    if managers + source.count("for") + 4 * source.count("try") < MOST_HANDLERS:
        return 0
    deepest = 0
    waiting: list[tuple[ast.AST, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, _SCOPES):
            depth = 1
        elif counted := _HANDLERS.get(type(node)):
            depth += counted(node)
        deepest = max(deepest, depth)
        waiting += [(child, depth) for child in ast.iter_child_nodes(node)]
    return deepest


def _unusable(source: str) -> list[tuple[int, str]]:
    found = []
    if "\0" in source:
        found.append((source.index("\0"), "a null byte"))
    if MARKER in source:
        found.append((source.index(MARKER), "the reserved character U+16FE4"))
    if not source.isascii() and (surrogate := _SURROGATE.search(source)):
        found.append((surrogate.start(), f"the lone surrogate U+{ord(surrogate.group()):04X}"))
    return found


def parsed(source: str, situation: Situation) -> ast.Module | None:
    """The syntax tree, or None after a finding."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SyntaxWarning: `x is 1` is the action's business
            return ast.parse(source, ACTION_FILENAME)
    except SyntaxError as error:
        g103_syntax_error.report(situation, error)
    except (RecursionError, MemoryError):
        g104_source_complexity.report(situation, "CPython's parser gives up on how deeply this source is nested")
    except ValueError as error:  # an int literal past sys.int_max_str_digits, on some versions
        g103_syntax_error.report(situation, SyntaxError(str(error)))
    return None
