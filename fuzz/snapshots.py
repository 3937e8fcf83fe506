"""Random object graphs over turns in processes of their own: what one interpreter shows, a session shows."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("snapshots")
