"""Single values on the wire, beside msgpack: read alike, or refused."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("decoder-values")
