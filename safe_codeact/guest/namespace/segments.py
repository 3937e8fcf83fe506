"""The files of a version, mapped so that writing copies; and which parts of them are still as they were.

Threat: the files are the session's own, written by a worker that ran model code; `layout` believes no number in them.
What doesn't work: comparing or hashing every buffer to see what changed costs 30 to 100 ms for 100 MB.
What we do: the kernel knows. A page of a private mapping that was written to is no page of the file any more, and
/proc/self/pagemap says so; it was opened before the process was confined. Without it the bytes are compared.
What still gets through: a worker that was taken over says what it likes about its own session.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Sequence
from typing import Any

from safe_codeact.guest.namespace.layout import ALIGNMENT, Place
from safe_codeact.wire.messages import MOST_SEGMENTS

_FEWER_SEGMENTS = 8  # are left where there would be more: the small ones are written together
_SLACK = 1 << 20  # bytes that nobody uses any more, allowed beside half of what is used
_PAGE = mmap.PAGESIZE
_ENTRY = 8  # bytes of pagemap for a page
_FROM_FILE, _SWAPPED, _PRESENT = 61, 62, 63  # bits of an entry: Documentation/admin-guide/mm/pagemap.rst
_CHUNK = 1 << 20


class FileSegment:
    """A segment in a file that this process has a descriptor of."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        """The bytes there; fewer where the file ends."""
        return os.pread(self._descriptor, max(0, min(length, self.size - offset)), offset)

    def map(self, offset: int, length: int) -> memoryview:
        """A private mapping from a page's beginning."""
        return memoryview(mmap.mmap(self._descriptor, length, access=mmap.ACCESS_COPY, offset=offset))


class HeldSegment:
    """A segment in memory."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = memoryview(data).cast("B")
        self.size = len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        """The bytes there; fewer where the data ends."""
        return bytes(self._data[offset : offset + length])

    def map(self, offset: int, length: int) -> memoryview:
        """The memory itself."""
        return self._data[offset : offset + length]


class _Span:
    """The part of a segment that holds buffers, mapped."""

    def __init__(self, segment: FileSegment | HeldSegment, places: Sequence[Place]) -> None:
        self.segment = segment
        self.begin = min(place.offset for place in places) // _PAGE * _PAGE
        self.memory = segment.map(self.begin, max(place.offset + place.length for place in places) - self.begin)
        self.written: Any = None  # one flag per page

    def cut(self, place: Place) -> memoryview:
        start = place.offset - self.begin
        return self.memory[start : start + place.length]


class Segments:
    """A version's files. `pagemap` is a descriptor of this process's own, or -1."""

    def __init__(self, segments: Sequence[FileSegment | HeldSegment], pagemap: int = -1) -> None:
        self.all = tuple(segments)
        self._pagemap = pagemap
        self._spans: list[tuple[int, _Span]] = []

    def buffers(self, places: Sequence[Place]) -> list[memoryview]:
        """The memory of buffers, whose places were checked. Empty ones lie nowhere."""
        spans: dict[int, _Span] = {}
        for number in {place.segment for place in places if place.length}:
            inside = [place for place in places if place.segment == number and place.length]
            spans[number] = _Span(self.all[number], inside)
        self._spans += spans.items()
        return [spans[place.segment].cut(place) if place.length else memoryview(b"") for place in places]

    def read(self, place: Place) -> bytes:
        """The bytes at a place that was checked."""
        return self.all[place.segment].read(place.offset, place.length)

    def place_of(self, buffer: memoryview) -> Place | None:
        """Where the buffer lies already, unchanged; None where it must be written."""
        numpy = sys.modules.get("numpy")
        if numpy is None or not buffer.nbytes:
            return None
        address = _address(numpy, buffer)
        for number, span in self._spans:
            start = address - _address(numpy, span.memory)
            if start >= 0 and start + buffer.nbytes <= len(span.memory):
                place = Place(number, span.begin + start, buffer.nbytes)
                if place.offset % ALIGNMENT == 0 and self._is_unchanged(numpy, span, start, buffer):
                    return place
        return None

    def _is_unchanged(self, numpy: Any, span: _Span, start: int, buffer: memoryview) -> bool:
        if span.written is None:
            span.written = self._written_pages(numpy, span)
        if span.written is False:
            return _is_as_stored(numpy, span, start, buffer)
        return not span.written[start // _PAGE : -(-(start + buffer.nbytes) // _PAGE)].any()

    def _written_pages(self, numpy: Any, span: _Span) -> Any:
        """A flag per page of the span, or False where the kernel does not tell."""
        if self._pagemap < 0 or not isinstance(span.segment, FileSegment):
            return False
        pages = -(-len(span.memory) // _PAGE)
        first = _address(numpy, span.memory) // _PAGE
        data = os.pread(self._pagemap, pages * _ENTRY, first * _ENTRY)
        if len(data) != pages * _ENTRY:
            return False
        entries = numpy.frombuffer(data, numpy.uint64)
        there = (entries >> numpy.uint64(_SWAPPED)) != 0  # present, or swapped out
        return there & ((entries >> numpy.uint64(_FROM_FILE)) & numpy.uint64(1) == 0)


def _address(numpy: Any, buffer: memoryview) -> int:
    return int(numpy.frombuffer(buffer, numpy.uint8).__array_interface__["data"][0])


def _is_as_stored(numpy: Any, span: _Span, start: int, buffer: memoryview) -> bool:
    now = numpy.frombuffer(buffer, numpy.uint8)
    for offset in range(0, buffer.nbytes, _CHUNK):
        part = now[offset : offset + _CHUNK]
        if isinstance(span.segment, HeldSegment):
            return False
        stored = numpy.frombuffer(span.segment.read(span.begin + start + offset, len(part)), numpy.uint8)
        if not numpy.array_equal(part, stored):
            return False
    return True


def worth_keeping(places: Sequence[Place], sizes: Sequence[int], new_bytes: int = 0) -> list[int]:
    """Which segments go on holding these buffers; what lies in the others is written again, beside `new_bytes` others.

    What nobody uses any more is at most half of what is used, so that a version never takes twice its size.
    """
    used = [0] * len(sizes)
    for place in places:
        used[place.segment] += place.length
    kept = sorted((number for number in range(len(sizes)) if used[number]), key=lambda number: used[number])
    if len(kept) >= MOST_SEGMENTS:
        kept = kept[-_FEWER_SEGMENTS:]
    kept.sort(key=lambda number: used[number] / max(sizes[number], 1))  # the least used part first
    while kept:
        unused = sum(sizes[number] - used[number] for number in kept)
        if unused <= _SLACK + (sum(used) + new_bytes) // 2:
            break
        kept.pop(0)
    return sorted(kept)
