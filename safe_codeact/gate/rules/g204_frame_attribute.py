"""G204 frame-attribute: walking from a live object to its frame.

Refuses   x.gi_frame, x.cr_frame, x.tb_frame, x.f_back, x.f_globals, x.co_code, e.__traceback__, e.with_traceback ...
Why       A frame hands back the globals and builtins the action was denied.
Behind it The kernel layer holds without this rule.
Instead   Return the value you need from the function; actions cannot inspect frames.
"""

from __future__ import annotations

import ast

from safe_codeact.gate.names import FRAME_NAMES
from safe_codeact.gate.rule import Rule, Situation

HINTS = {
    "__traceback__": "Use str(error), repr(error) or error.args.",
    "with_traceback": "Use `raise error from cause`.",
}


def check(situation: Situation, node: ast.Attribute) -> None:
    name = node.attr
    if name in FRAME_NAMES:
        hint = HINTS.get(name, "Return the value you need from the function.")
        situation.find(RULE, node, f"`.{name}` leads to a frame or its code; actions cannot inspect frames.", hint)


RULE = Rule("G204", "frame-attribute", ((ast.Attribute, check),))
