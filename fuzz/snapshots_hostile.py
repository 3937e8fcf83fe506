"""Forged bytes in the place of a saved state: nothing is called that the policy does not name."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("snapshots-hostile")
