"""The policy as it is: attempts that go on with what they got, hostile lines in disguise, calls of tools."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("combined")
