"""The gate imagined away: plain Python and native calls in sequences; nothing outside changes, nothing secret comes out."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("kernel")
