"""Any text given as a policy: read as every YAML reader reads it, or refused with its place."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("policy-loader")
