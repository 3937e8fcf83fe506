"""Two policies: each widening is said, and its witnesses tell the two apart."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("policy-diff")
