"""A store's file, changed by somebody without its key: an error, or what was stored."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("store")
