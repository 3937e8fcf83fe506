"""`python -m safe_codeact`: the command line."""

from __future__ import annotations

from safe_codeact.cli import main

if __name__ == "__main__":
    main()
