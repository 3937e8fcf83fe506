"""Would these keys flood a dict?

Threat         int, float and tuple hashes are no secret: 100,000 chosen keys can share one probe path, and building
               their dict then takes minutes (measured: 3.3 s for 20,000 multiples of 2**61 - 1), for one frame.
What fails     Randomised hashes (only str and bytes have them, and PYTHONHASHSEED=0 turns them off); looking for equal
               hashes (distinct ones can share a path as well); a small bound on keys (refuses ordinary data).
What we do     Walk CPython's own probe sequence (Objects/dictobject.c, unchanged since 3.3) with a budget of steps per
               key, for every size that the table has while it grows. Linear in the number of keys.
Gets through   Up to `STEPS_PER_KEY` collisions per key: a constant factor.
"""

from __future__ import annotations

from typing import Any

SMALL = 64  # below it even a fully colliding dict costs no more than 32 steps per key
STEPS_PER_KEY = 32  # multiples of 2**k and binary fractions, the worst of ordinary keys, take up to 14
_HASH_MASK = (1 << 64) - 1
_PERTURB_SHIFT = 5


def is_crowded(keys: list[Any]) -> bool:
    """Whether building a dict of these keys, all hashable, costs more than a constant number of steps per key."""
    if len(keys) <= SMALL:
        return False
    hashes = [hash(key) for key in keys]
    size = 2 * SMALL
    while True:
        usable = size * 2 // 3
        if _collisions_exceed(hashes[:usable], size - 1):
            return True
        if usable >= len(hashes):
            return False
        size *= 2


def _collisions_exceed(hashes: list[int], mask: int) -> bool:
    taken = bytearray(mask + 1)
    left = STEPS_PER_KEY * len(hashes)
    for value in hashes:
        slot = value & mask
        if taken[slot]:
            perturb = value & _HASH_MASK
            while taken[slot]:
                left -= 1
                if left < 0:
                    return True
                perturb >>= _PERTURB_SHIFT
                slot = (slot * 5 + perturb + 1) & mask
        taken[slot] = 1
    return False
