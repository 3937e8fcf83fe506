"""How a policy says how often: `10/minute`."""

from __future__ import annotations

import functools
import re

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
MOST = 10_000  # the host remembers the time of each call within the window
EXPECTED = 'a number and a unit, as "10/minute": second, minute, hour or day, and a number from 1 to 10,000'


@functools.lru_cache(maxsize=256)
def parse_rate(text: str) -> tuple[int, int]:
    """So many calls in so many seconds. Raises `ValueError`."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})/(second|minute|hour|day)", text, re.ASCII)
    if found is None or int(found[1]) > MOST:
        raise ValueError(f"{text!r} must be {EXPECTED}")
    return int(found[1]), _SECONDS[found[2]]


def may_let_more_through(now: str | None, before: str | None) -> bool:
    """Whether one rate may let a call through that another does not. None: there is no bound."""
    if now is None or before is None:
        return now is None and before is not None
    (most, seconds), (most_before, seconds_before) = parse_rate(now), parse_rate(before)
    # A window that is no longer holds at most what the longer one does; and so many of them cover the longer one.
    if seconds >= seconds_before:
        return most > most_before
    return most * -(-seconds_before // seconds) > most_before
