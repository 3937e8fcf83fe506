"""The gate comes to a verdict on any text, to the same one twice, and a policy with less never allows more."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("verdict")
