"""The policies that are measured. TABLES is the one of the goals: numpy and pandas preloaded, every required layer on."""

from __future__ import annotations

from safe_codeact import Policy

TABLES = Policy.from_dict(
    {
        "version": 1,
        "name": "tables",
        "extends": "strict",
        "language": {
            "imports": [
                {"module": "numpy", "why": "tables are the job"},
                {"module": "pandas", "why": "tables are the job"},
            ]
        },
    }
)
