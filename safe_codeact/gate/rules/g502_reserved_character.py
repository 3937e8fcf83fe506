r"""G502 reserved-character: the character that keeps private names apart, written as an escape.

Refuses   "\U00016fe4" in a string constant.
Why       A name that ends with it would be taken for a private attribute that the gate has translated.
Behind it The guards refuse such a name at run time; output shows the text without it.
Instead   Leave it out: U+16FE4 (Khitan small script filler) is in no ordinary text.
"""

from __future__ import annotations

import ast

from safe_codeact.gate.names import MARKER
from safe_codeact.gate.rule import Rule, Situation


def check(situation: Situation, node: ast.Constant) -> None:
    if type(node.value) is str and MARKER in node.value:
        situation.find(RULE, node, "the string contains the reserved character U+16FE4.", "Leave it out.")


RULE = Rule("G502", "reserved-character", ((ast.Constant, check),))
