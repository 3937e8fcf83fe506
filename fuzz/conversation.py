"""A hostile worker at the other end of a real socket: the exchange comes back in time, within its bounds."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("conversation")
