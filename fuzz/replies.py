"""Replies of models: an action, an answer or a reason, in steps that grow with the text and no faster."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("replies")
