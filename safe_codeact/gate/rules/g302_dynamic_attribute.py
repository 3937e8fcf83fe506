"""G302 dynamic-attribute: an attribute named by a string, at run time.

Refuses   getattr(x, "__globals__"), setattr(x, "__code__", ...), operator.attrgetter("gi_frame"), "{0.__mro__}".
Why       What the gate refuses in the source must not be had by spelling it in a string.
Behind it The same tables as G201 and G204, applied when the string is known.
Instead   Name a public attribute. Private attributes of your own classes work as in the source.
"""

from __future__ import annotations

from safe_codeact.gate.rule import Rule

RULE = Rule("G302", "dynamic-attribute")
