"""A version's files: what did not change is not written again, what changed is, and nothing is lost on the way."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safe_codeact import Runtime
from safe_codeact.guest.namespace import DefaultKnown, Earlier, FileSegment, Segments, restore, save
from safe_codeact.guest.namespace.layout import Place
from safe_codeact.guest.namespace.segments import worth_keeping
from safe_codeact.wire.messages import MOST_SEGMENTS

MIB = 1 << 20


class Store:
    """Versions as rows of files, saved and loaded as a worker does it, in this process."""

    def __init__(self, folder: Path, pagemap: int) -> None:
        self.folder = folder
        self.pagemap = pagemap
        self.files: list[Path] = []
        self.earlier: Earlier | None = None
        self.made = 0

    def load(self, words: set[str] | None = None) -> dict[str, Any]:
        names: dict[str, Any] = {"__builtins__": vars(builtins)}
        descriptors = [os.open(file, os.O_RDONLY) for file in self.files]
        self.earlier = None
        if descriptors:
            segments = Segments([FileSegment(each) for each in descriptors], self.pagemap)
            self.earlier = restore(segments, names, known=DefaultKnown(builtins=names["__builtins__"]), words=words)
        return names

    def save(self, names: dict[str, Any]) -> int:
        """How many bytes were written."""
        out = io.BytesIO()
        known = DefaultKnown(builtins=names["__builtins__"])
        saved = save(names, known=known, out=out, limit_bytes=1 << 30, earlier=self.earlier)
        self.made += 1
        new = self.folder / str(self.made)
        new.write_bytes(out.getvalue())
        self.files = [*(self.files[place] for place in saved.kept), new]
        return len(out.getvalue())


@pytest.fixture(params=["pagemap", "compared"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """With the kernel's word on what was written to, and without."""
    if request.param == "compared":
        yield Store(tmp_path, -1)
        return
    pagemap = os.open("/proc/self/pagemap", os.O_RDONLY)
    try:
        yield Store(tmp_path, pagemap)
    finally:
        os.close(pagemap)


def test_an_array_that_was_not_written_to_is_not_written_again(store: Store) -> None:
    names = store.load() | {"a": np.arange(MIB), "b": np.ones(MIB), "x": [1]}
    assert store.save(names) > 16 * MIB
    for turn in range(3):
        names = store.load()
        assert float(names["a"].sum() + names["b"].sum()) == MIB * (MIB - 1) / 2 + MIB
        names["x"].append(turn)
        assert store.save(names) < 64 * 1024
    assert store.load()["x"] == [1, 0, 1, 2]


@pytest.mark.parametrize("place", [0, 1, 511, 512, 4095, 4096, MIB // 2, MIB - 1])
def test_one_changed_number_is_kept_wherever_it_is(store: Store, place: int) -> None:
    store.save(store.load() | {"a": np.zeros(MIB), "b": np.zeros(MIB)})
    names = store.load()
    names["a"][place] = 7
    written = store.save(names)
    assert 8 * MIB < written < 9 * MIB, "the other array is left where it is"
    names = store.load()
    assert (names["a"][place], names["a"].sum(), names["b"].sum()) == (7, 7, 0)


def test_a_change_through_a_view_is_a_change(store: Store) -> None:
    a = np.zeros(MIB)
    store.save(store.load() | {"a": a, "part": a[100:200]})
    names = store.load()
    names["part"][5] = 3
    store.save(names)
    names = store.load()
    assert names["a"][105] == 3
    names["a"][105] = 4
    assert names["part"][5] == 4


def test_small_neighbours_in_one_page_do_not_hide_each_others_changes(store: Store) -> None:
    store.save(store.load() | {f"a{number}": np.full(700, number) for number in range(20)})
    for turn in range(5):
        names = store.load()
        names[f"a{3 * turn}"][turn] = -1
        store.save(names)
    names = store.load()
    for number in range(20):
        expected = np.full(700, number)
        if number % 3 == 0 and number < 15:
            expected[number // 3] = -1
        assert np.array_equal(names[f"a{number}"], expected)


def test_a_part_of_an_array_under_a_new_name_stays_where_it_lies(store: Store) -> None:
    store.save(store.load() | {"a": np.arange(MIB)})
    names = store.load()
    names["half"] = names.pop("a")[: MIB // 2]
    store.save(names)
    assert store.load()["half"].sum() == (MIB // 2) * (MIB // 2 - 1) // 2


def test_the_files_of_a_version_are_few_and_hold_little_that_nobody_uses(store: Store) -> None:
    """Sixty turns that make, change and delete arrays, against plain Python."""
    random = np.random.default_rng(5)
    plain: dict[str, Any] = {}
    for turn in range(60):
        names = store.load()
        name = f"a{int(random.integers(0, 25))}"
        match int(random.integers(0, 3)):
            case 0:
                names[name] = random.integers(0, 9, int(random.integers(2_000, 60_000)))
                plain[name] = names[name].copy()
            case 1 if name in names:
                names[name][turn] += 1
                plain[name][turn] += 1
            case 2 if name in names and turn % 3 == 0:
                del names[name], plain[name]
        store.save(names)
        live = sum(each.nbytes for each in plain.values())
        assert len(store.files) <= MOST_SEGMENTS
        assert sum(file.stat().st_size for file in store.files) <= 1.5 * live + 2 * MIB
    names = store.load()
    assert {name for name in names if name != "__builtins__"} == set(plain)
    assert all(np.array_equal(names[name], plain[name]) for name in plain)


@pytest.mark.parametrize(
    ("used", "sizes", "kept"),
    [
        ([], [], []),
        ([0, 5 * MIB], [9 * MIB, 5 * MIB], [1]),
        ([5 * MIB, 1], [5 * MIB, 9 * MIB], [0]),
        ([5 * MIB, 5 * MIB], [6 * MIB, 6 * MIB], [0, 1]),
        ([10] * 16, [100] * 16, list(range(8, 16))),
        ([MIB], [1 << 50], []),
    ],
)
def test_segments_go_on_while_most_of_them_is_used(used: list[int], sizes: list[int], kept: list[int]) -> None:
    places = [Place(number, 64, length) for number, length in enumerate(used) if length]
    assert worth_keeping(places, sizes) == kept


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime("analysis") as made:
        yield made


def test_a_session_shares_what_did_not_change_and_forks_see_only_their_own_changes(runtime: Runtime) -> None:
    """One big array: three versions hold it in one file; each fork writes its own when it writes."""
    session = runtime.session()
    assert session.run("import numpy as np\nbig = np.arange(4_000_000)\nlast = 0").value is None
    first = session._state._saved.names
    session.run("last = int(big[5])")
    fork = session.fork()
    assert set(first) <= set(session._state._saved.names) & set(fork._state._saved.names)
    assert fork.run("big[0] = 99\nbig[:2].tolist()").value == "[99, 1]"
    assert session.run("big[:2].tolist(), last").value == "([0, 1], 5)"
    assert fork.run("int(big[0]), int(big.sum())").value == str((99, 99 + sum(range(4_000_000))))
    assert not set(first) & set(fork._state._saved.names), "nothing of the old array is left in the fork"


def test_a_killed_action_leaves_every_file_of_the_version_as_it_was() -> None:
    with Runtime("unrestricted") as runtime:
        session = runtime.session()
        session.run("import numpy as np\nbig = np.arange(1_000_000)")
        vault, names = session._state.core.vault, session._state._saved.names
        before = [vault.path(name).read_bytes() for name in names]
        killed = session.run("import os\nbig[:] = 0\nlater = 1\nos.abort()")
        assert killed.outcome.value == "crashed"
        assert session._state._saved.names == names
        assert [vault.path(name).read_bytes() for name in names] == before
        assert session.run("int(big[7]), 'later' in globals()").value == "(7, False)"
