"""What is compared of an observation, and what is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from safe_codeact.trail.forms import text_of

# `<__main__.Point object at 0x7f…>`: where an object lies says nothing about what the action did.
_ADDRESS = re.compile(r"0x[0-9a-f]{6,16}\b")
_TEXTS = ("stdout", "stderr", "value", "rollback")
# All others were ended from outside, at a moment that depends on the machine.
_WHOLE = ("completed", "raised", "refused")

Differences = dict[str, tuple[Any, Any]]


def differences(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Differences:
    """By field: what was recorded, and what was seen. Empty where both show the same."""
    if recorded["outcome"] != now["outcome"]:
        return {"outcome": (recorded["outcome"], now["outcome"])}
    if now["outcome"] not in _WHOLE:
        return {}
    return {name: (was, seen) for name, was, seen in _fields(recorded, now) if was != seen}


def _fields(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in _TEXTS:
        yield name, _text(recorded.get(name) or ""), _text(now.get(name) or "")
    for name in ("findings", "error", "artifacts"):
        yield name, _facts(recorded.get(name)), _facts(now.get(name))
    yield "not_kept", sorted(recorded.get("not_kept") or ()), sorted(now.get("not_kept") or ())
    yield "final_answer", recorded.get("final_answer"), now.get("final_answer")


_FACTS = ("code", "line", "column", "type", "message", "name", "media_type", "sha256")


def _facts(value: Any) -> Any:
    if isinstance(value, list):
        return [_facts(each) for each in value]
    if isinstance(value, dict):
        return {name: _text(value[name]) for name in _FACTS if name in value}
    return value


def _text(value: Any) -> Any:
    """Without addresses. A text that the trail cut is known by its length and digest only."""
    if not isinstance(value, str):
        return value
    cut = text_of(value)
    return _ADDRESS.sub("0x…", cut) if isinstance(cut, str) else cut
