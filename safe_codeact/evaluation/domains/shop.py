"""An invented shop with a cart that keeps what was put into it."""

from __future__ import annotations

from typing import Any

# sku: category, name, price, stock
_GOODS: dict[str, tuple[str, str, float, int]] = {
    "T1": ("tea", "Green mist", 6.4, 3),
    "T2": ("tea", "Black harbour", 4.9, 0),
    "T3": ("tea", "Mint garden", 5.2, 8),
    "T4": ("tea", "White peak", 11.0, 2),
    "C1": ("coffee", "Dark roast", 9.8, 5),
    "C2": ("coffee", "Light roast", 8.6, 1),
    "C3": ("coffee", "Decaf", 7.9, 0),
    "K1": ("cake", "Almond slice", 3.1, 12),
    "K2": ("cake", "Carrot cake", 3.6, 4),
    "K3": ("cake", "Lemon tart", 2.8, 0),
}
_COUPONS = {
    "TENOFF": ("10 percent off", 0.0),
    "FIVE": ("5.00 off from 30.00 on", 30.0),
    "CAKE2": ("cake for half the price", 0.0),
}
_ORDERS = {
    "ada": [("A-1", 24.5, "paid"), ("A-2", 13.0, "returned"), ("A-3", 8.2, "returned")],
    "ben": [("B-1", 40.0, "paid")],
    "eve": [("E-1", 19.9, "returned"), ("E-2", 7.1, "paid"), ("E-3", 30.4, "paid")],
    "kim": [("K-1", 11.6, "returned"), ("K-2", 5.5, "lost")],
}
_cart: dict[str, int] = {}
_coupon: list[str] = []


def categories() -> list[str]:
    """The names of all categories."""
    return sorted({category for category, *_ in _GOODS.values()})


def goods(category: str) -> list[dict[str, Any]]:
    """What there is in a category: sku, name, price in EUR."""
    return [{"sku": sku, "name": name, "price": price} for sku, (c, name, price, _) in _GOODS.items() if c == category]


def stock(sku: str) -> int:
    """How many pieces are left to be put into the cart."""
    return _known(sku)[3] - _cart.get(sku, 0)


def add(sku: str, count: int = 1) -> dict[str, Any]:
    """Puts pieces into the cart and returns the cart: items (sku: count) and total in EUR."""
    if not 0 < count <= stock(sku):
        raise ValueError(f"{count} of {sku} cannot be had: {stock(sku)} are left")
    _cart[sku] = _cart.get(sku, 0) + count
    return cart()


def remove(sku: str) -> dict[str, Any]:
    """Takes all pieces of a product out of the cart and returns the cart."""
    if _cart.pop(sku, None) is None:
        raise ValueError(f"{sku} is not in the cart")
    return cart()


def cart() -> dict[str, Any]:
    """The cart: items (sku: count) and total in EUR, with the coupon that is in force."""
    return {"items": dict(_cart), "total": _total()}


def coupons() -> list[str]:
    """The codes of all coupons."""
    return list(_COUPONS)


def use_coupon(code: str) -> dict[str, Any]:
    """Puts a coupon in force, in place of the one before, and returns the cart."""
    if code not in _COUPONS:
        raise ValueError(f"no coupon {code!r}")
    _coupon[:] = [code]
    return cart()


def checkout() -> dict[str, Any]:
    """Orders what is in the cart, which is empty afterwards: the order's number and what it came to."""
    if not _cart:
        raise ValueError("the cart is empty")
    number = "-".join(f"{sku}x{count}" for sku, count in sorted(_cart.items()))
    done = {"order": number, "total": _total()}
    _cart.clear()
    _coupon.clear()
    return done


def orders(customer: str) -> list[dict[str, Any]]:
    """A customer's orders: number, total in EUR, state (paid, returned, lost)."""
    if customer not in _ORDERS:
        raise ValueError(f"no customer {customer!r}; there are {', '.join(_ORDERS)}")
    return [{"order": number, "total": total, "state": state} for number, total, state in _ORDERS[customer]]


def _known(sku: str) -> tuple[str, str, float, int]:
    if sku not in _GOODS:
        raise ValueError(f"no product {sku!r}")
    return _GOODS[sku]


def _total() -> float:
    half = "CAKE2" in _coupon
    total = sum(
        price * count * (0.5 if half and category == "cake" else 1.0)
        for sku, count in _cart.items()
        for category, _, price, _ in [_GOODS[sku]]
    )
    if "TENOFF" in _coupon:
        total *= 0.9
    if "FIVE" in _coupon and total >= _COUPONS["FIVE"][1]:
        total -= 5.0
    return round(total, 2)


TOOLS = [categories, goods, stock, add, remove, cart, coupons, use_coupon, checkout, orders]
