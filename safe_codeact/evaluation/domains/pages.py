"""A small invented web: pages with text and links, one of which leads nowhere."""

from __future__ import annotations

import re
from typing import Any

# path: title, text with [links](path)
_PAGES = {
    "/": (
        "Harbour Museum",
        "Welcome. [Visit](/visit) us, see the [collection](/items/1), meet the [staff](/staff) or"
        " read the [news](/news/3).",
    ),
    "/visit": (
        "Visit",
        "Open Mon 10-17, Tue 10-17, Wed closed, Thu 10-20, Fri 10-17, Sat 9-18, Sun 9-18. Adults "
        "8.50 EUR, children 3.00 EUR. [Groups](/visit/groups). [Home](/).",
    ),
    "/visit/groups": (
        "Groups",
        "From 10 persons on everybody pays 2.00 EUR less than alone. Book with the [staff](/staff). [Home](/).",
    ),
    "/items/1": (
        "Collection, page 1",
        "Brass sextant, made 1790, insured for 4200 EUR. Ship's bell, made 1834, insured for 1500"
        " EUR. [Next](/items/2).",
    ),
    "/items/2": (
        "Collection, page 2",
        "Whale oil lamp, made 1812, insured for 380 EUR. Figurehead, made 1768, insured for 9600 "
        "EUR. [Next](/items/3).",
    ),
    "/items/3": (
        "Collection, page 3",
        "Log book, made 1851, insured for 720 EUR. Compass, made 1799, insured for 2600 EUR. Sea "
        "chest, made 1780, insured for 640 EUR. [First](/items/1).",
    ),
    "/staff": (
        "Staff",
        "[Ines Holm](/staff/holm), [Tarek Aziz](/staff/aziz), [Maud Ferry](/staff/ferry), [Jon "
        "Reyes](/staff/reyes). [Home](/).",
    ),
    "/staff/holm": ("Ines Holm", "Director. Room 12, telephone 555-0112. Deputy: [Maud Ferry](/staff/ferry)."),
    "/staff/aziz": (
        "Tarek Aziz",
        "Restores wood and brass. Room 3, telephone 555-0103. Reports to [Jon Reyes](/staff/reyes).",
    ),
    "/staff/ferry": (
        "Maud Ferry",
        "Keeps the library and books groups. Room 7, telephone 555-0107. Reports to [Ines Holm](/staff/holm).",
    ),
    "/staff/reyes": (
        "Jon Reyes",
        "Head of the workshop. Room 2, telephone 555-0102. Reports to [Maud Ferry](/staff/ferry).",
    ),
    "/news/3": ("News of May", "The lamp room opens on Sunday. 412 visitors in May. [Older](/news/2)."),
    "/news/2": (
        "News of April",
        "We bought a compass. 388 visitors in April. [Older](/news/1). [Picture](/media/compass).",
    ),
    "/news/1": ("News of March", "The roof is mended. 251 visitors in March. [Home](/)."),
}
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
_visits: list[str] = []


def visit(path: str) -> dict[str, Any]:
    """A page: status (200, or 404 where there is none), title, text, and links, each with its text and path."""
    _visits.append(path)
    if path not in _PAGES:
        return {"status": 404, "title": "Not found", "text": "", "links": []}
    title, text = _PAGES[path]
    links = [{"text": words, "path": to} for words, to in _LINK.findall(text)]
    return {"status": 200, "title": title, "text": _LINK.sub(r"\1", text), "links": links}


def history() -> list[str]:
    """The paths that were visited so far, in order."""
    return list(_visits)


TOOLS = [visit, history]
