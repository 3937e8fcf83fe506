"""G303 dynamic-code: text that is run with eval() or exec().

Refuses   eval and exec of a text that the gate would refuse as an action; of a code object; compile().
Why       Code is judged before it runs, whichever way it comes.
Behind it The text is judged by every rule of the gate, then compiled as an action is.
Instead   Call the function you mean, or pass eval and exec a text that keeps the rules.
"""

from __future__ import annotations

from safe_codeact.gate.rule import Rule

RULE = Rule("G303", "dynamic-code")
