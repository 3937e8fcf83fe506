"""G301 unavailable-builtin: a builtin that has nothing to talk to inside an action.

Refuses   input(), open() where the policy gives no workspace, help(), breakpoint(), compile(). At run time: the name
          may be the action's own.
Why       Nobody is at the keyboard, and there is no terminal; code objects cannot be judged.
Behind it The worker has no terminal, and files only where the policy says so.
Instead   Put the value into the code; print what you want to see.
"""

from __future__ import annotations

from safe_codeact.gate.rule import Rule

RULE = Rule("G301", "unavailable-builtin")
