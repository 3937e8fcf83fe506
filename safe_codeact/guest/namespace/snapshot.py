"""`save` and `restore`: the names of a session to segments and back, group by group.

Names that may share objects must be loaded and saved together, or two names for one list become two lists. Which names do
is not worked out: whatever was loaded or made in one action is one group from then on, apart from what nobody can tell
from a copy (numbers, texts, modules, tools), which is the other. A group that an action does not mention is not loaded,
and its bytes stay where they are.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Mapping
from dataclasses import field, replace
from types import ModuleType
from typing import Any, Protocol

from safe_codeact.frozen import dataclass
from safe_codeact.guest.namespace import layout
from safe_codeact.guest.namespace.beside import FIGURES
from safe_codeact.guest.namespace.known import Known
from safe_codeact.guest.namespace.layout import Group, Place, SnapshotError, Version
from safe_codeact.guest.namespace.loading import Loaded, load
from safe_codeact.guest.namespace.pickled import Pickled, StateTooLarge, deep, pickle_names, too_large
from safe_codeact.guest.namespace.reduce import Shown
from safe_codeact.guest.namespace.segments import Segments, worth_keeping

_REMEMBERED = 200  # names of earlier turns of which the snapshot still says why they are gone
_MOST_GROUPS = 32  # more are loaded whatever an action mentions, and so become fewer
_ATOMS = frozenset(map(id, (type(None), bool, int, float, complex, str, bytes, ModuleType, Shown)))  # by identity
_CONTAINERS = frozenset(map(id, (dict, list, set)))  # the equality of a class may be the action's own
_IS_WORD = re.compile(r"\w+").fullmatch


class Writer(Protocol):
    def write(self, data: bytes | memoryview, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Saved:
    """`not_kept` maps each name that this save left out to the reason; `kept` counts earlier segments that go on."""

    bytes_written: int
    not_kept: dict[str, str] = field(default_factory=dict)
    kept: tuple[int, ...] = ()


class Earlier:
    """The version that an action begins with: what of it is loaded, and what waits."""

    def __init__(self, segments: Segments, namespace: dict[str, Any], known: Known) -> None:
        self.segments = segments
        version = layout.parse(segments.all)
        self.waiting = list(version.groups)
        self.not_kept = dict(version.not_kept)
        self.extras: dict[str, Any] = {}
        self._namespace = namespace
        self._known = known

    def load(self, words: Collection[str] | None) -> None:
        """Bind the names of the groups that `words` mention (None: of all), and of those that their functions mention.

        Raises `SnapshotError`, with nothing bound.
        """
        mentioned = None if words is None or len(self.waiting) > _MOST_GROUPS else set(words)
        made: list[tuple[Group, Loaded]] = []
        wanted, waiting = _parted(self.waiting, mentioned)
        while wanted:
            for group in wanted:
                buffers = self.segments.buffers(group.buffers)
                made.append((group, load(self.segments.read(group.stream), buffers, self._namespace, self._known)))
                if mentioned is not None:
                    mentioned = None if group.words is None else mentioned | set(group.words.split())
            wanted, waiting = _parted(waiting, mentioned)
        self.waiting = waiting
        for group, loaded in made:
            self._bind(group, loaded)
        for _, loaded in made:
            self.not_kept.update(loaded.settle())

    def load_rest(self) -> None:
        """Bind whatever still waits, under names that the action has not bound meanwhile."""
        with contextlib.suppress(SnapshotError):  # it waits on
            self.load(None)

    def _bind(self, group: Group, loaded: Loaded) -> None:
        self.extras.update(loaded.extras)
        self.not_kept.update(loaded.lost)
        namespace, wanted = self._namespace, set(group.names.apart())
        found = {name: value for name, value in loaded.names.items() if name in wanted}
        self.not_kept = {name: why for name, why in self.not_kept.items() if name not in found}
        namespace.update(found if namespace.keys().isdisjoint(found) else {**found, **namespace})


def _parted(groups: list[Group], mentioned: set[str] | None) -> tuple[list[Group], list[Group]]:
    """Those to load now, and those that wait on."""
    wanted: list[Group] = []
    waiting: list[Group] = []
    for group in groups:
        is_wanted = mentioned is None or group.always or group.names.has_any(mentioned)
        (wanted if is_wanted else waiting).append(group)
    return wanted, waiting


def restore(
    segments: Segments, namespace: dict[str, Any], *, known: Known, words: Collection[str] | None = None
) -> Earlier:
    """Binds the names of a version in `namespace`, which must be the dict that the action's code runs over.

    `words` are those that the action mentions; names that it cannot reach by them wait (None: none do). Large arrays are
    not copied: they lie over the segments' private mappings, and can be written to. Raises `SnapshotError` where
    nothing could be loaded; then `namespace` is as it was.
    """
    if type(namespace) is not dict or "__builtins__" not in namespace:
        # SAFETY: a function made over globals without `__builtins__` gets CPython's own, for good.
        raise ValueError("restore() needs an exact dict with the guarded builtins under '__builtins__'")
    earlier = Earlier(segments, namespace, known)
    earlier.load(words)
    return earlier


def needs(segments: Segments) -> list[str]:
    """The packages that loading this version uses, without loading it."""
    return sorted({name for group in layout.parse(segments.all).groups for name in group.needs})


def save(
    namespace: dict[str, Any],
    *,
    known: Known,
    out: Writer,
    limit_bytes: int,
    remembered: Mapping[str, str] | None = None,
    extras: Mapping[str, Any] | None = None,
    earlier: Earlier | None = None,
) -> Saved:
    """Writes the names of `namespace` to `out` as one segment; what `earlier` segments still hold stays there.

    Names that start with two underscores belong to the interpreter and are left out. `remembered` is what an earlier
    save left out: it is carried on for names that are still unbound. `extras` is saved beside the names (random state,
    say) and dropped where it can't be. Raises `StateTooLarge`; otherwise never fails for what the namespace holds.
    """
    names = {
        name: _by_name(value, known) if id(type(value)) in _CONTAINERS else value
        for name, value in namespace.items()
        if type(name) is str and name[:2] != "__"
    }
    carried = [rest for group in (earlier.waiting if earlier is not None else ()) if (rest := _without(group, names))]
    made, not_kept = _grouped(namespace, names, dict(extras or {}), known, limit_bytes)
    gone = {name: why for name, why in (remembered or {}).items() if name not in names}
    still = {name for group in carried for name in group.names.apart()} if gone else ()
    note_kept = {name: why for name, why in gone.items() if name not in still}
    note_kept.update(not_kept)
    note_kept = dict(list(note_kept.items())[-_REMEMBERED:])  # from the front, each deletion would pass the ones before
    body = _Body(made, carried, earlier.segments if earlier is not None else None)
    if body.live > limit_bytes:
        raise StateTooLarge(too_large(body.live, limit_bytes))
    if body.buffers > layout.MAX_BUFFERS:
        raise StateTooLarge(f"the session holds {body.buffers} arrays; at most {layout.MAX_BUFFERS} are kept")
    groups = body.write_groups()
    front = layout.front(Version(groups, tuple(note_kept.items())), body.end, len(body.kept))
    out.write(front)
    for part in body.parts:
        out.write(part)
    return Saved(len(front) + body.end, not_kept, tuple(body.kept))


def _by_name(value: object, known: Known) -> object:
    """A container that a module shows (`from sympy import *` brings some) stays the module's own, functions and all."""
    name = known.name_of(value)
    return value if name is None else Shown(name)


def _without(group: Group, names: Mapping[str, Any]) -> Group | None:
    """What is left of a group where names were bound anew."""
    left = group.names.without(names.keys())
    return replace(group, names=left) if left.text or group.always else None


@dataclass(frozen=True, slots=True)
class _Made:
    """A group that is saved anew."""

    names: tuple[str, ...]
    pickled: Pickled
    always: bool


def _grouped(
    namespace: dict[str, Any], names: dict[str, Any], extras: dict[str, Any], known: Known, limit: int
) -> tuple[list[_Made], dict[str, str]]:
    """The groups to write, and the names that cannot be kept. Open figures share objects with names; other extras do not."""
    broken = [name for name in names if "\n" in name]  # by way of globals()
    names = {name: value for name, value in names.items() if "\n" not in name} if broken else names
    apart = {name: value for name, value in names.items() if _is_atom(value, known)}
    together = {name: value for name, value in names.items() if name not in apart}
    figures = {FIGURES: extras.pop(FIGURES)} if FIGURES in extras else {}
    made: list[_Made] = []
    not_kept = dict.fromkeys(broken, "a name with a line break in it is not kept")
    for some, beside in ((apart, {}), (together, figures), ({}, extras)):
        if some or beside:
            with deep():
                pickled, bad = pickle_names(namespace, some, beside, known, limit)
            not_kept.update(bad)
            kept = tuple(name for name in some if name not in bad)
            made.append(_Made(kept, pickled, bool(beside) or not _are_findable(kept)))
    return made, not_kept


def _is_atom(value: object, known: Known) -> bool:
    return id(type(value)) in _ATOMS or known.name_of(value) is not None


def _are_findable(names: tuple[str, ...]) -> bool:
    text = "x".join(names)  # most names are plain, and there may be ten thousand
    return (text.isascii() and text.isidentifier() and "__" not in text) or all(map(_is_findable, names))


def _is_findable(name: str) -> bool:
    """Whether whoever uses the name spells it as one word (not so where a class mangles it)."""
    return _IS_WORD(name) is not None and not (name.startswith("_") and "__" in name)


class _Body:
    """The streams and buffers of a new segment; `kept` are the earlier segments that go on."""

    def __init__(self, made: list[_Made], carried: list[Group], segments: Segments | None) -> None:
        self._made = made
        self._carried = carried
        self._segments = segments
        self.parts: list[bytes | memoryview] = []
        self.end = 0
        self._held = [
            [None if segments is None else segments.place_of(buffer) for buffer in each.pickled.buffers]
            for each in made
        ]
        old = [place for places in self._held for place in places if place is not None]
        old += [place for group in carried for place in group.places()]
        new = sum(each.pickled.size + sum(buffer.nbytes for buffer in each.pickled.buffers) for each in made)
        new -= sum(place.length for places in self._held for place in places if place is not None)
        self.live = new + sum(place.length for place in old)
        self.buffers = sum(len(each.pickled.buffers) for each in made) + sum(len(group.buffers) for group in carried)
        self.kept = [] if segments is None else worth_keeping(old, [each.size for each in segments.all], new)
        self._numbers = {before: now for now, before in enumerate(self.kept)}

    def write_groups(self) -> tuple[Group, ...]:
        """The note's groups, with everything that has no place yet put into `parts`."""
        groups = [
            Group(
                names=layout.Names.of(each.names),
                stream=self._add(each.pickled.size, *each.pickled.chunks),
                buffers=tuple(
                    self._moved(place) if place is not None and place.segment in self._numbers
                    else self._add(buffer.nbytes, buffer)
                    for place, buffer in zip(held, each.pickled.buffers, strict=True)
                ),
                needs=tuple(sorted(each.pickled.needs)),
                words=each.pickled.words,
                always=each.always,
            )
            for each, held in zip(self._made, self._held, strict=True)
        ]  # fmt: skip
        return (*groups, *(self._carry(group) for group in self._carried))

    def _carry(self, group: Group) -> Group:
        assert self._segments is not None
        lost = [place for place in group.buffers if place.segment not in self._numbers]
        memory = dict(zip(lost, self._segments.buffers(lost), strict=True))
        stream = group.stream
        return replace(
            group,
            stream=self._moved(stream) if stream.segment in self._numbers
            else self._add(stream.length, self._segments.read(stream)),
            buffers=tuple(
                self._add(place.length, memory[place]) if place in memory else self._moved(place)
                for place in group.buffers
            ),
        )  # fmt: skip

    def _moved(self, place: Place) -> Place:
        return place._replace(segment=self._numbers[place.segment])

    def _add(self, length: int, *data: bytes | memoryview) -> Place:
        gap = layout.padding(self.end, length)
        place = Place(len(self.kept), self.end + gap, length)
        self.parts += [bytes(gap), *data]
        self.end += gap + length
        return place
