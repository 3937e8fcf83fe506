"""`verify` names the first record that is not as it was written; what only a key shows, it says only with the key."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from safe_codeact import Trail, TrailError
from safe_codeact.trail import line
from safe_codeact.trail.forms import form_of, redacted, value_of
from safe_codeact.trail.trail import CHECKPOINT_EVERY
from safe_codeact.trail.verify import verify

KEY = bytes(range(32))
COUNT = 2 * CHECKPOINT_EVERY + 10


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed trail of some hundred records, with its checkpoint beside it."""
    path = tmp_path_factory.mktemp("whole") / "t.trail"
    with Trail(path, key=KEY, sync="never") as trail:
        for number in range(COUNT):
            trail.record("change", {"runtime": "r", "session": "s", "what": f"change {number}"})
    return path


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    for file in (whole, Path(f"{whole}.checkpoint")):
        shutil.copy(file, tmp_path)
    return tmp_path / whole.name


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def _edited(lines: list[bytes]) -> list[bytes]:
    return [*lines[:20], lines[20].replace(b"change 19", b"chance 19"), *lines[21:]]


def _edited_with_its_hash(lines: list[bytes]) -> list[bytes]:
    """As by somebody who knows the format, and stops there."""
    record = json.loads(lines[20])
    made, _ = line.write(
        {"n": 20, "at": record["at"], "kind": "change", "runtime": "r", "session": "s", "what": "another"},
        record["previous"],
    )
    return [*lines[:20], made, *lines[21:]]


def _inserted(lines: list[bytes]) -> list[bytes]:
    record = json.loads(lines[20])
    made, _ = line.write(
        {"n": 20, "at": record["at"], "kind": "change", "runtime": "r", "session": "s", "what": "another"},
        record["previous"],
    )
    return [*lines[:20], made, *lines[20:]]


BROKEN: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int | None, str]] = {
    "edited": (_edited, 21, "record 20 was edited, or is none: its hash is not that of its text"),
    "edited, with a hash that fits": (_edited_with_its_hash, 22, "record 21 does not follow record 20, which stands before it"),
    "removed": (lambda lines: lines[:20] + lines[21:], 21, "record 20 is not there: removed, before record 21"),
    "several removed": (lambda lines: lines[:20] + lines[25:], 21, "records 20 to 24 are not there: removed"),
    "moved down": (
        lambda lines: [*lines[:20], lines[21], lines[20], *lines[22:]],
        21,
        "record 20 stands further down: it was moved",
    ),
    "inserted": (_inserted, 22, "a second record 20 stands after record 20: one was put in, or moved"),
    "repeated": (lambda lines: [*lines[:21], lines[20], *lines[21:]], 22, "a second record 20 stands after record 20"),
    "another text inserted": (lambda lines: [*lines[:20], b"hello\n", *lines[20:]], 21, "it does not end in a hash"),
    "an empty line inserted": (lambda lines: [*lines[:20], b"\n", *lines[20:]], 21, "it does not end in a hash"),
    "the beginning removed": (lambda lines: lines[1:], 1, "record 0 is not there: removed, before record 1"),
    "the end cut off": (lambda lines: lines[:-5], None, "the end was cut off after its checkpoint"),
    "all of it cut off": (lambda lines: [], None, "the file is empty"),
    "the last line cut": (lambda lines: [*lines[:-1], lines[-1][:-9]], COUNT + 4, "is unfinished"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_the_first_broken_record_is_named(case: str, path: Path) -> None:
    change, place, said = BROKEN[case]
    lines = _lines(path)
    path.write_bytes(b"".join(change(lines)))
    verdict = verify(path)
    assert said in verdict.broken
    assert verdict.line == place
    assert not verify(path, key=KEY).is_whole


def test_a_whole_trail_is_whole_with_and_without_its_key(path: Path) -> None:
    records = COUNT + 4  # opened, two checkpoints, closed
    assert len(_lines(path)) == records
    assert verify(path).is_whole
    verdict = verify(path, key=KEY)
    assert (verdict.is_whole, verdict.records, verdict.signed, verdict.is_closed) == (True, records, records, True)


def _written_anew(lines: list[bytes], key: bytes | None) -> bytes:
    """All of it, by somebody who knows the format."""
    made, previous = [], line.FIRST
    for each in lines:
        record = json.loads(each)
        fields = {name: value for name, value in record.items() if name not in ("previous", "hash", "signature")}
        if fields.get("what") == "change 19":
            fields["what"] = "another"
        written, previous = line.write(fields, previous, key if "signature" in record else None)
        made.append(written)
    return b"".join(made)


@pytest.mark.parametrize("key", [None, b"another key, of the forger's own"])
def test_a_trail_that_was_written_anew_is_found_by_its_key_and_by_a_checkpoint_kept_elsewhere(
    key: bytes | None, path: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "elsewhere"
    shutil.move(f"{path}.checkpoint", kept)
    path.write_bytes(_written_anew(_lines(path), key))
    assert verify(path).is_whole  # which is why there are keys
    assert (
        "is not signed by this key: all from the beginning on may have been written anew"
        in verify(path, key=KEY).broken
    )
    assert "is not the one that its checkpoint says" in verify(path, checkpoint=kept).broken


def test_what_stands_after_the_last_signature_is_counted(path: Path) -> None:
    """Whoever cuts the end off and takes the copy of the checkpoint away leaves a trail that is whole, and open."""
    path.write_bytes(b"".join(_lines(path)[:-3]))
    Path(f"{path}.checkpoint").unlink()
    verdict = verify(path, key=KEY)
    assert (verdict.is_whole, verdict.is_closed, verdict.records - verdict.signed) == (True, False, 8)


def test_a_signed_trail_is_gone_on_with_under_its_key_only_and_not_when_its_end_is_gone(path: Path) -> None:
    with pytest.raises(TrailError, match="is signed: go on with it under its key"):
        Trail(path)
    with pytest.raises(TrailError, match="is signed by another key"):
        Trail(path, key=bytes(32))
    Trail(path, key=KEY).close()
    assert verify(path, key=KEY).records == COUNT + 6
    path.write_bytes(b"".join(_lines(path)[:-1]))
    with pytest.raises(TrailError, match="is not in the file any more: its end was cut off"):
        Trail(path, key=KEY)
    with pytest.raises(TrailError, match="key must be 16 bytes or more"):
        Trail(path, key=b"short")


def test_no_byte_of_a_trail_changes_unnoticed(path: Path) -> None:
    whole = path.read_bytes()
    end = whole.index(b"\n", 600) + 1  # some records, and every byte of them
    path.with_name("t.trail.checkpoint").unlink()
    for place in range(0, end, 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 : end])
        assert not verify(path).is_whole, place


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -3.5, 10**40, "é\ud800\n", b"\x00\xff", [1, [2]], (1, ("a",)), {"a": {"b": 1}}, {1: 2, None: (3,)},
     {"$bytes": "x"}, {"$tuple": [1]}, {}, [], (), {"": 1}, float("inf"), 1 << 20_000],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) or value < 10**50 else "huge",
)  # fmt: skip
def test_a_value_reads_back_as_itself(value: object) -> None:
    form = json.loads(json.dumps(form_of(value), allow_nan=False))
    back = value_of(form)
    assert back == value
    assert type(back) is type(value)


def test_a_redaction_reaches_into_lists_tuples_and_dicts_of_any_keys() -> None:
    given = {
        "cards": [{"number": 1, "name": "a"}, ({"number": 2},)],
        "odd": {1: {"number": 3}, "x": {"number": 4}},
        "pin": 5,
    }
    options = {"options": {"password": "p", "deep": [{"password": "q", "user": "u"}]}}
    assert redacted(options, ["password"]) == (
        {"options": {"password": None, "deep": [{"password": None, "user": "u"}]}},
        ["password"],
    )
    kept, gone = redacted(given, ["cards.number", "odd.x.number", "pin.digits", "absent", "return"])
    assert kept["cards"] == [{"number": None, "name": "a"}, {"$tuple": [{"number": None}]}]
    assert kept["pin"] is None  # the policy means something in there: better too little than too much
    assert kept["odd"] == {"$dict": [[1, {"number": 3}], ["x", {"number": None}]]}
    assert gone == ["cards.number", "odd.x.number", "pin.digits"]


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "safe_codeact", "trail", *arguments], capture_output=True, text=True, check=False
    )


def test_the_commands_say_it_and_their_status_does(path: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(KEY)
    good = _command("verify", str(path), "--key", str(key), "--closed")
    assert (good.returncode, good.stdout) == (
        0,
        f"{path}: {COUNT + 4} records, whole; closed.\nSigned by this key up to record {COUNT + 3}; 0 records since.\n",
    )
    path.write_bytes(b"".join(_edited(_lines(path))))
    bad = _command("verify", str(path))
    assert (bad.returncode, bad.stdout) == (
        1,
        f"{path}:21: record 20 was edited, or is none: its hash is not that of its text.\n20 records before it are whole.\n",
    )
    shown = _command("show", str(path))
    assert shown.returncode == 1
    assert shown.stdout.splitlines()[-1].startswith("#19 ")
    assert f"{path}:21: its hash is not that of its text" in shown.stderr
