"""Copy-up: a saved file that is about to be written is replaced by a private copy first, and nothing else is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from safe_codeact.guest import copying

Hook = Callable[[str, tuple[Any, ...]], None]
_DATA = bytes(range(256)) * 9000  # more than one chunk


class _Place:
    """A workspace with one saved file. The hook is called as CPython would: it cannot be taken out of a process again."""

    def __init__(self, folder: Path, *, no_opener: bool = False) -> None:
        self.folder = folder
        self.masked = 0
        self.hook = copying.make_hook(str(folder), self._mask, no_opener=no_opener)
        self.file = folder / "saved"
        self.file.write_bytes(_DATA)
        self.file.chmod(0o444)
        self.inode = self.file.stat().st_ino

    @contextlib.contextmanager
    def _mask(self) -> Iterator[None]:
        self.masked += 1
        yield

    def opening(self, path: Any, flags: int, mode: str | None = None) -> None:
        self.hook("open", (path, mode, flags))

    @property
    def is_own(self) -> bool:
        about = self.file.stat()
        return about.st_ino != self.inode and about.st_mode & 0o777 == 0o600 and os.listdir(self.folder) == ["saved"]

    @property
    def is_as_it_was(self) -> bool:
        about = self.file.stat()
        unchanged = (about.st_ino, about.st_mode & 0o777) == (self.inode, 0o444)
        return unchanged and self.file.read_bytes() == _DATA and self.masked == 0


@pytest.fixture
def place(tmp_path: Path) -> _Place:
    folder = tmp_path / "w"
    folder.mkdir()
    return _Place(folder)


WRITING = [os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_CREAT, os.O_RDONLY | os.O_TRUNC]


@pytest.mark.parametrize("flags", WRITING)
@pytest.mark.parametrize("kind", [str, Path, lambda path: os.fsencode(path)])
def test_a_saved_file_that_is_opened_for_writing_is_copied_first(place: _Place, flags: int, kind: Any) -> None:
    place.opening(kind(place.file), flags)
    assert place.is_own
    assert place.masked == 1
    assert place.file.read_bytes() == _DATA
    inode = place.file.stat().st_ino
    place.opening(kind(place.file), flags)
    assert (place.file.stat().st_ino, place.masked) == (inode, 1)  # once


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("open", lambda file: (str(file), "r", os.O_RDONLY | os.O_CLOEXEC)),
        ("open", lambda file: (str(file), None, os.O_RDONLY | os.O_CREAT)),
        ("open", lambda file: (str(file), "x", os.O_WRONLY | os.O_CREAT | os.O_EXCL)),
        ("open", lambda _file: (3, "w", os.O_WRONLY)),
        ("open", lambda file: (str(file.parent), "w", os.O_RDWR)),
        ("open", lambda file: (f"{file}-absent", "w", os.O_RDWR)),
        ("open", lambda file: (f"{file}/below", "w", os.O_RDWR)),
        ("open", lambda file: (f"{file}\0", "w", os.O_RDWR)),
        ("open", lambda file: ("n" * 5000, "w", os.O_RDWR)),
        ("os.remove", lambda file: (str(file), -1)),
        ("os.rename", lambda file: (str(file), "other", -1, -1)),
        ("builtins.id", lambda _file: (1,)),
        ("sqlite3.connect", lambda file: (f"file:{file}?mode=ro",)),
        ("sqlite3.connect", lambda file: (f"file:{file}?immutable=1",)),
        ("sqlite3.connect", lambda _file: (":memory:",)),
        ("sqlite3.connect", lambda _file: ("",)),
    ],
)
def test_nothing_else_copies_anything(place: _Place, event: str, arguments: Callable[[Path], tuple[Any, ...]]) -> None:
    place.hook(event, arguments(place.file))
    assert place.is_as_it_was


def test_a_file_outside_is_left_as_it_is_however_it_is_spelled(place: _Place) -> None:
    outside = place.folder.parent / "outside"
    outside.write_text("outside")
    outside.chmod(0o444)
    (place.folder.parent / "w2").mkdir()
    place.file.unlink()
    place.file.symlink_to(outside)
    before = outside.stat()
    for path in (outside, place.folder / ".." / "outside", place.file):
        place.opening(str(path), os.O_RDWR)
    assert outside.stat() == before
    assert place.masked == 0


def test_a_link_inside_leads_to_the_file_that_is_copied(place: _Place) -> None:
    (place.folder / "link").symlink_to("saved")
    place.opening(str(place.folder / "link"), os.O_RDWR)
    assert (place.folder / "link").is_symlink()
    assert place.file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("no_opener", "mode", "left"), [(True, "w", 0), (True, None, len(_DATA)), (False, "w", len(_DATA))]
)
def test_a_file_that_is_to_be_emptied_is_not_copied_where_the_event_names_the_very_file(
    tmp_path: Path, no_opener: bool, mode: str | None, left: int
) -> None:
    """`os.open` (no mode) may be given a `dir_fd`, and `open` an `opener`: then it is another file that is emptied."""
    place = _Place(tmp_path, no_opener=no_opener)
    place.opening(str(place.file), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    assert place.is_own
    assert place.file.stat().st_size == left


def test_an_executable_file_stays_one(place: _Place) -> None:
    place.file.chmod(0o555)
    place.opening(str(place.file), os.O_RDWR)
    assert place.file.stat().st_mode & 0o700 == 0o700


@pytest.mark.parametrize(
    "spelled", ["{}", "file:{}", "file:{}?mode=rwc", "file://{}", "file://localhost{}?cache=shared"]
)
def test_a_database_is_copied_with_what_lies_beside_it(place: _Place, spelled: str) -> None:
    files = [place.folder / f"my db{suffix}" for suffix in ("", "-journal", "-wal", "-shm")]
    for file in files:
        file.write_bytes(b"data")
        file.chmod(0o444)
    name = str(files[0]) if spelled == "{}" else str(files[0]).replace(" ", "%20")
    place.hook("sqlite3.connect", (spelled.format(name),))
    assert [(file.stat().st_mode & 0o777, file.read_bytes()) for file in files] == [(0o600, b"data")] * 4


def test_holes_stay_holes(place: _Place) -> None:
    place.file.chmod(0o600)
    with place.file.open("wb") as file:
        for position in (1 << 20, 100 << 20):
            file.seek(position)
            file.write(b"data")
        file.truncate(300 << 20)
    place.file.chmod(0o444)
    blocks, content = place.file.stat().st_blocks, _summary(place.file)
    place.opening(str(place.file), os.O_RDWR)
    assert (place.file.stat().st_blocks, _summary(place.file)) == (blocks, content)
    assert place.file.stat().st_mode & 0o777 == 0o600


def _summary(file: Path) -> tuple[int, bytes, bytes, bytes]:
    with file.open("rb") as opened:
        found = []
        for position in (1 << 20, 100 << 20, 200 << 20):
            opened.seek(position)
            found.append(opened.read(10))
    return (file.stat().st_size, found[0], found[1], found[2])


@pytest.mark.parametrize("failing", ["write", "rename", "ftruncate", "read"])
def test_a_copy_that_fails_is_an_error_and_leaves_the_file_and_nothing_beside_it(
    place: _Place, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(copying.os, failing, full)
        with pytest.raises(OSError, match="No space left"):
            place.opening(str(place.file), os.O_RDWR)
    place.masked = 0
    assert place.is_as_it_was
    assert os.listdir(place.folder) == ["saved"]
