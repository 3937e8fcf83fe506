"""G103 syntax-error: the source is not Python.

Refuses   What CPython's parser or compiler refuses.
Why       There is nothing to run.
Behind it CPython itself.
Instead   Correct the line; send code only, without prose or code fences around it.
"""

from __future__ import annotations

from safe_codeact.gate.names import plain_text
from safe_codeact.gate.rule import Rule, Situation

RULE = Rule("G103", "syntax-error")


def report(situation: Situation, error: SyntaxError) -> None:
    line, column = max(error.lineno or 1, 1), max(error.offset or 1, 1)
    text = (error.text or "").strip()
    message = plain_text(f"{type(error).__name__}: {error.msg}")[:300]
    shown = f" in `{text[:80]}`" if text and text.isprintable() else ""
    hint = "Send only code, without the fence." if text.startswith("```") else ""
    situation.find(RULE, (line, column), f"{message}{shown}", hint)
