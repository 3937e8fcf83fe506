"""The language side alone, the kernel layer imagined away: no program comes to hold, or to do, what it must not."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("gate")
