"""What the tables of this domain do not say: departments by their code. The tables themselves are files of the tasks."""

from __future__ import annotations

from typing import Any

_DEPARTMENTS = {
    "D1": {"name": "Boats", "city": "Aarhus", "budget": 14500},
    "D2": {"name": "Nets", "city": "Bergen", "budget": 13000},
    "D3": {"name": "Ropes", "city": "Aarhus", "budget": 9900},
    "D4": {"name": "Office", "city": "Cork", "budget": 12000},
}


def department(code: str) -> dict[str, Any]:
    """A department: name, city, and budget for salaries a month in EUR."""
    if code not in _DEPARTMENTS:
        raise ValueError(f"no department {code!r}; there are {', '.join(_DEPARTMENTS)}")
    return dict(_DEPARTMENTS[code])


TOOLS = [department]
