"""Runs, kills, checkpoints, restores, forks, tools and files in any order: a session holds what was done in it."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("sessions")
