"""A recorded conversation: the replies of a model in a Markdown file that a person can read.

Each reply follows a line `<!-- reply: what it does -->`; what stands before the first one is for the reader.
"""

from __future__ import annotations

from importlib.resources import files

_MARK = "<!-- reply:"


def load_recording(text: str | None = None) -> tuple[str, ...]:
    """The replies of `text`, by default of the demo's own conversation."""
    if text is None:
        text = (files("safe_codeact.demo") / "conversation.md").read_text(encoding="utf-8")
    _, *parts = text.split(f"\n{_MARK}")
    return tuple(part.partition("-->\n")[2].strip() for part in parts)
