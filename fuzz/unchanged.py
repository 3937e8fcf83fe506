"""An action that was refused, or was killed, has changed neither names nor files."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("unchanged")
