"""Sources made to exhaust whoever reads them: one shape, repeated or put into itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

# What stands before, what is repeated, what stands after.
_SHAPES: Final = (
    ("", "(", ""), ("x = ", "(", "1"), ("", "[", ""), ("", "{", ""), ("", "-", "1"), ("", "not ", "1"), ("", "~", "x"),
    ("x", ".a", ""), ("x", "()", ""), ("x", "[0]", ""), ("1", "+1", ""), ("1", "**1", ""), ("x", ",x", ""), ("", "lambda: ", "1"),
    ("", "await ", "x"), ("", "*", "x"), ("", "@d\n", "def f(): pass"), ("if 1: pass\n", "elif 1: pass\n", ""),
    ("x = ", "1 if a else ", "2"), ("f'", "{x:", "'"), ("", "x = 1\n", ""), ("", "def f(): pass\n", ""), ("", "try:\n pass\nfinally:\n pass\n", ""),
    ("x = '", "a", "'"), ("x = 1", "0", ""), ("x = 0x", "f", ""), ("", "'a' ", ""), ("", "x;", ""), ("#", "#", ""), ("", "\\\n", ""),
    ("x = '\\N{", "A", "}'"), ("from a", ".b", " import c"), ("import a", ", a", ""), ("f(", "a=1,", ")"), ("def f(", "a,", "): pass"),
    ("match x:\n case ", "1|", "2: pass"), ("match x:\n case ", "[", "1"), ("x: ", "int and ", "1"), ("a", "=a", "=1"), ("", "{**", "x"),
    ("", "async for x in y: ", "pass"), ("[x ", "for x in y ", "]"), ("with a", ", a", ": pass"), ("global a", ", a", ""), ("'", "\\u0041", "'"),
    ("", "x<", "1"), ("", "x or ", "1"), ("", "(yield ", "1"), ("print(f'{", "1,", "}')"), ("class A(", "B,", "): pass"), ("type X[", "T,", "] = int"),
)  # fmt: skip
_COUNTS: Final = (1, 20, 90, 101, 200, 1_000, 6_000, 30_000, 120_000)
_CLOSES: Final = {"(": ")", "[": "]", "{": "}", "{x:": "}", "{**": "}", "(yield ": ")"}


@st.composite
def sources(draw: Draw) -> str:
    """One shape, many times, closed or not; or blocks inside each other."""
    count = draw(st.sampled_from(_COUNTS))
    if draw(st.integers(0, 6)) == 0:
        head = draw(
            st.sampled_from(["if 1:", "while 1:", "for x in y:", "def f():", "class A:", "try:", "with a:", "match x:"])
        )
        depth = min(count, 120)
        lines: list[str] = [" " * level + head for level in range(depth)]
        return "\n".join([*lines, " " * depth + "pass"])
    before, repeated, after = draw(st.sampled_from(_SHAPES))
    text: str = before + repeated * min(count, 400_000 // len(repeated)) + after
    closing = _CLOSES.get(repeated)
    return text + closing * count if closing and draw(st.booleans()) else text
