"""Whether a record is what its actions show again, and the first difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safe_codeact.replay.player import Seen, play, stage
from safe_codeact.replay.recording import Recording

_SHOWN = 300  # characters of each side


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`first` is the first difference in words, "" where there is none. `unsteady` places differ from one replay to the next."""

    actions: int
    same: int
    unsteady: tuple[str, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()  # actions that could not be compared, with the reason
    differing: int = 0
    first: str = ""

    @property
    def is_same(self) -> bool:
        return not self.first and not self.unknown


def replay(recordings: Sequence[Recording], files: Mapping[str, bytes]) -> Verdict:
    """Plays each recording, and a second time where something differs. Raises what a runtime does."""
    actions, same, unsteady, unknown, first, differing = 0, 0, [], [], "", 0
    for recording in recordings:
        with stage(recording) as staged:
            once = play(recording, files, staged)
            again = play(recording, files, staged) if any(seen.differing for seen in once) else once
        for seen, second in zip(once, again, strict=True):
            actions += 1
            lasting = _lasting(seen, second)
            if seen.unknown:
                unknown.append((seen.place, seen.unknown))
            elif lasting:
                differing += 1
                first = first or _words(seen, lasting)
            elif seen.differing:
                unsteady.append(seen.place)
            else:
                same += 1
    return Verdict(
        actions=actions, same=same, unsteady=tuple(unsteady), unknown=tuple(unknown), differing=differing, first=first
    )


def _lasting(seen: Seen, second: Seen) -> dict[str, tuple[Any, Any]]:
    """What is there the second time as well, and the same: no clock and no chance."""
    return {name: sides for name, sides in seen.differing.items() if second.differing.get(name) == sides}


def _words(seen: Seen, lasting: Mapping[str, tuple[Any, Any]]) -> str:
    name, (was, now) = next(iter(lasting.items()))
    return f"{seen.place} (session {seen.session}): {name} was {_cut(was)} and is {_cut(now)}"


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
