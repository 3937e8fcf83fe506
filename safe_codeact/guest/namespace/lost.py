"""What stands for an object that a load could not make, and the refusal of a step."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A step was asked for what no snapshot of ours asks."""


class Lost:
    """Stands where an object was that this action does not have; any use of it says so."""

    def __init__(self, reason: str) -> None:
        self.lost_reason = reason[:300]

    def _say(self, *_: object, **__: object) -> Any:
        raise NameError(f"the session could not keep this object: {self.lost_reason}")

    __call__ = __getitem__ = __iter__ = __len__ = _say

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._say()
