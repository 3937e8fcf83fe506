"""G501 format-attribute: a format string that reaches attributes the source may not name.

Refuses   "{0.__globals__}".format(f), "{e.gi_frame}".format_map(d) where the string is a constant.
Why       `str.format` reads attributes named in the string, below every check of the source.
Behind it `format` calls go through a guard that reads the string at run time.
Instead   f"{x.name}", or "{}".format(x.name).
"""

from __future__ import annotations

import ast
import string

from safe_codeact.gate.names import Stance, reading
from safe_codeact.gate.rule import Rule, Situation

_PARSER = string.Formatter()


def check(situation: Situation, node: ast.Call) -> None:
    function = node.func
    if not (
        isinstance(function, ast.Attribute)
        and function.attr in ("format", "format_map")
        and isinstance(function.value, ast.Constant)
        and isinstance(function.value.value, str)
        and "." in function.value.value
    ):
        return
    for name in attributes_in(function.value.value):
        if reading(name) is Stance.REFUSED:
            situation.find(RULE, node, f"the format string reads `.{name}`.", 'Write "{}".format(value).')


def attributes_in(text: str, depth: int = 3) -> list[str]:
    """The attribute names that a format string walks, nested fields of its specs included. A malformed one has none."""
    names: list[str] = []
    try:
        for _, field, spec, _ in _PARSER.parse(text):
            if field and "." in field:
                names += [part.partition("[")[0] for part in field.split(".")[1:]]
            if spec and "{" in spec and depth:
                names += attributes_in(spec, depth - 1)
    except ValueError:
        return []
    return names


RULE = Rule("G501", "format-attribute", ((ast.Call, check),))
