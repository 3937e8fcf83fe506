"""Files that extend each other: what one denies, none below allows again."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("policy-inheritance")
