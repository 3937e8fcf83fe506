"""An invented timetable: flights, fares in three currencies, planes and distances. Times are minutes after midnight."""

from __future__ import annotations

from typing import Any

# origin, flight, destination, departs, arrives, plane
_FLIGHTS = (
    ("LIS", "AZ101", "MAD", 375, 510, "A320"),
    ("LIS", "AZ115", "OSL", 420, 690, "B738"),
    ("LIS", "NV220", "ZRH", 455, 665, "E190"),
    ("LIS", "NV231", "LHR", 540, 700, "A320"),
    ("LIS", "KR007", "FRA", 560, 800, "A333"),
    ("MAD", "AZ302", "HEL", 600, 910, "B738"),
    ("MAD", "AZ310", "LHR", 545, 700, "E190"),
    ("OSL", "NV401", "HEL", 760, 870, "E190"),
    ("OSL", "NV405", "ZRH", 700, 850, "B738"),
    ("OSL", "KR033", "FRA", 790, 905, "A320"),
    ("OSL", "KR039", "LHR", 810, 940, "A320"),
    ("ZRH", "KR500", "HEL", 700, 880, "A333"),
    ("ZRH", "KR511", "FRA", 730, 800, "E190"),
    ("LHR", "NV610", "HEL", 735, 915, "A320"),
    ("LHR", "NV618", "OSL", 780, 915, "B738"),
    ("FRA", "KR700", "HEL", 835, 985, "A320"),
    ("HEL", "NV801", "LIS", 930, 1220, "B738"),
)
_FARES = {
    "AZ101": (64.0, "EUR"), "AZ115": (139.0, "EUR"), "NV220": (118.0, "CHF"), "NV231": (86.0, "GBP"),
    "KR007": (149.5, "EUR"), "AZ302": (171.0, "EUR"), "AZ310": (77.5, "EUR"), "NV401": (59.0, "EUR"),
    "NV405": (104.0, "CHF"), "KR033": (92.0, "EUR"), "KR039": (81.0, "GBP"), "KR500": (133.0, "CHF"),
    "KR511": (45.0, "CHF"), "NV610": (97.0, "GBP"), "NV618": (90.0, "GBP"), "KR700": (110.0, "EUR"),
    "NV801": (160.0, "EUR"),
}  # fmt: skip
_RATES = {"EUR": 1.0, "CHF": 1.05, "GBP": 1.2}
_PLANES = {
    "A320": {"seats": 174, "litres_per_km": 3.1},
    "B738": {"seats": 189, "litres_per_km": 3.3},
    "E190": {"seats": 106, "litres_per_km": 2.4},
    "A333": {"seats": 300, "litres_per_km": 6.0},
}
_DISTANCES = {
    ("LIS", "MAD"): 514, ("LIS", "OSL"): 2740, ("LIS", "ZRH"): 1722, ("LIS", "LHR"): 1564, ("LIS", "FRA"): 1874,
    ("HEL", "MAD"): 2948, ("LHR", "MAD"): 1246, ("HEL", "OSL"): 788, ("OSL", "ZRH"): 1423, ("FRA", "OSL"): 1099,
    ("LHR", "OSL"): 1206, ("HEL", "ZRH"): 1780, ("FRA", "ZRH"): 285, ("HEL", "LHR"): 1850, ("FRA", "HEL"): 1543,
    ("HEL", "LIS"): 3370,
}  # fmt: skip


def flights(origin: str) -> list[dict[str, Any]]:
    """Direct flights from an airport: flight, to, departs and arrives (minutes after midnight, same day), plane."""
    found = [one for one in _FLIGHTS if one[0] == origin]
    if not found:
        raise ValueError(f"no flights from {origin!r}")
    return [
        {"flight": f, "to": to, "departs": out, "arrives": at, "plane": plane} for _, f, to, out, at, plane in found
    ]


def fare(flight: str) -> dict[str, Any]:
    """What a seat costs: price and currency."""
    if flight not in _FARES:
        raise ValueError(f"no flight {flight!r}")
    price, currency = _FARES[flight]
    return {"price": price, "currency": currency}


def rate(currency: str) -> float:
    """What one unit of a currency is in EUR."""
    if currency not in _RATES:
        raise ValueError(f"no rate for {currency!r}")
    return _RATES[currency]


def plane(model: str) -> dict[str, Any]:
    """A plane's seats and its fuel in litres for each km."""
    if model not in _PLANES:
        raise ValueError(f"no plane {model!r}")
    return dict(_PLANES[model])


def distance(a: str, b: str) -> int:
    """Between two airports, in km."""
    found = _DISTANCES.get((min(a, b), max(a, b)), _DISTANCES.get((a, b)))
    if found is None:
        raise ValueError(f"no distance between {a!r} and {b!r}")
    return found


TOOLS = [flights, fare, rate, plane, distance]
