"""An invented workshop: parts with measures in mixed units, materials, prices, and a conversion of units."""

from __future__ import annotations

from typing import Any

# Each unit as (kind, how many of the kind's base unit).
_UNITS = {
    "m": ("length", 1.0), "cm": ("length", 0.01), "mm": ("length", 0.001), "in": ("length", 0.0254), "ft": ("length", 0.3048),
    "kg": ("mass", 1.0), "g": ("mass", 0.001), "lb": ("mass", 0.45359237), "oz": ("mass", 0.028349523125),
    "s": ("time", 1.0), "min": ("time", 60.0), "h": ("time", 3600.0),
    "l": ("volume", 1.0), "ml": ("volume", 0.001), "m3": ("volume", 1000.0), "gal": ("volume", 3.785411784),
}  # fmt: skip
# Density in kg per m3, price in EUR per kg.
_MATERIALS = {"steel": (7850, 1.9), "oak": (720, 4.5), "brass": (8500, 7.2), "pine": (510, 1.4)}
# Kits: part, pieces
_KITS = {
    "bench": [("leg", 4), ("seat", 1), ("bolt", 8)],
    "shelf": [("board", 3), ("side", 2), ("bolt", 12)],
    "stand": [("leg", 3), ("plate", 1)],
}
# Parts: material, length, width, height, each with its unit, and the time to make one.
_PARTS: dict[str, tuple[str, tuple[float, str], tuple[float, str], tuple[float, str], tuple[float, str]]] = {
    "leg": ("oak", (45, "cm"), (2, "in"), (50, "mm"), (25, "min")),
    "seat": ("oak", (4, "ft"), (40, "cm"), (30, "mm"), (1.5, "h")),
    "bolt": ("steel", (3, "in"), (10, "mm"), (10, "mm"), (45, "s")),
    "board": ("pine", (1.2, "m"), (1, "ft"), (20, "mm"), (12, "min")),
    "side": ("pine", (6, "ft"), (30, "cm"), (20, "mm"), (0.5, "h")),
    "plate": ("brass", (12, "in"), (12, "in"), (3, "mm"), (20, "min")),
}
_TANKS = {"north": (2.5, "m3"), "south": (480, "gal"), "yard": (1900, "l"), "roof": (750000, "ml")}


def kits() -> list[str]:
    """The names of all kits."""
    return list(_KITS)


def kit(name: str) -> list[dict[str, Any]]:
    """The parts of a kit: part, pieces."""
    return [{"part": part, "pieces": pieces} for part, pieces in _found(_KITS, name, "kit")]


def part(name: str) -> dict[str, Any]:
    """A part: material; length, width, height and making (the time for one), each as value and unit."""
    material, *measures = _found(_PARTS, name, "part")
    fields = zip(("length", "width", "height", "making"), measures, strict=True)
    return {"material": material, **{field: {"value": value, "unit": unit} for field, (value, unit) in fields}}


def material(name: str) -> dict[str, float]:
    """A material: density in kg per m3, price in EUR per kg."""
    density, price = _found(_MATERIALS, name, "material")
    return {"density": density, "price": price}


def convert(value: float, unit: str, to: str) -> float:
    """A value in another unit: m cm mm in ft, kg g lb oz, s min h, l ml m3 gal."""
    kind, size = _found(_UNITS, unit, "unit")
    other, base = _found(_UNITS, to, "unit")
    if kind != other:
        raise ValueError(f"{unit} is a {kind}, {to} is a {other}")
    return float(round(value * size / base, 9))


def tanks() -> list[dict[str, Any]]:
    """The water tanks: name, value and unit of what each holds."""
    return [{"name": name, "value": value, "unit": unit} for name, (value, unit) in _TANKS.items()]


def _found(table: dict[str, Any], name: str, what: str) -> Any:
    if name not in table:
        raise ValueError(f"no {what} {name!r}; there are {', '.join(table)}")
    return table[name]


TOOLS = [kits, kit, part, material, convert, tanks]
