"""Commands on files of any name and content: a documented status, and nothing that a terminal obeys."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("commands")
