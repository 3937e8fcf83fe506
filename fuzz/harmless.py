"""Ordinary programs behave under the gate as in plain CPython."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("harmless")
