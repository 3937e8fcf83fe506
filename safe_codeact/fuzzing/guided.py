"""The same properties, led by coverage: bytes for the decoder, the bounds on source, and the reader of policy files.

    python -m safe_codeact.fuzzing.guided TARGET [--seconds N] [--seeds fuzz/seeds] [--keep FOLDER]
    python -m safe_codeact.fuzzing.guided TARGET --replay [--seeds fuzz/seeds]

Hypothesis makes examples that make sense; libFuzzer, by way of atheris, makes those that reach a line which none reached
before. It needs the extra `guided`; the seeds in the repository are run without it (`--replay`, and in the tests). A seed is
raw bytes, named by what it is about. What atheris finds it writes to the working folder as `crash-…`: such a file belongs
among the seeds once the hole is closed.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from safe_codeact.fuzzing import Escape

SEEDS: Final = Path("fuzz/seeds")
_MOST_BYTES: Final = 8192  # of one input: more costs time and finds nothing else
_HANG_SECONDS: Final = 25  # for one input; libFuzzer's own alarm

OneInput = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Guided:
    """`make` gives the function that is tried; `instrumented` are the packages whose lines count."""

    make: Callable[[], OneInput]
    instrumented: tuple[str, ...]


def _decoder() -> OneInput:
    """The first byte: which way the stream goes, and where it is cut."""
    wire = importlib.import_module("safe_codeact.fuzzing.wire")

    def one(data: bytes) -> object:
        head, rest = (data[0], data[1:]) if data else (0, b"")
        direction = "ZYGOTE_TO_HOST" if head & 1 else "WORKER_TO_HOST"
        run: Callable[[Any], object] = wire.decode
        return run({"direction": direction, "bytes": rest.hex(), "cuts": [head >> 1]})

    return one


def _bounds() -> OneInput:
    """Text to the gate: a report in any case, the same twice, its places inside the text; and CPython lives on."""
    check = importlib.import_module("safe_codeact").check
    policy = importlib.import_module("safe_codeact.policy.load").load_policy("strict")

    def one(data: bytes) -> object:
        source = data.decode("utf-8", "surrogateescape")
        try:
            report = check(source, policy=policy)
        except Exception as error:
            raise Escape("the gate raised", f"{type(error).__name__}: {error}") from error
        if check(source, policy=policy) != report:
            raise Escape("the gate says otherwise the second time", repr(source)[:100])
        lines = source.count("\n") + source.count("\r") + source.count("\f") + 1
        for finding in report.findings:
            if not 0 <= finding.line <= lines or finding.column < 0:
                raise Escape("a finding lies outside the source", f"line {finding.line} of {lines}")
        return report

    return one


def _yaml() -> OneInput:
    policies = importlib.import_module("safe_codeact.fuzzing.policies")

    def one(data: bytes) -> object:
        run: Callable[[Any], object] = policies.read_alike
        return run(data.decode("utf-8", "surrogateescape"))

    return one


GUIDED: Final[dict[str, Guided]] = {
    "decoder": Guided(_decoder, ("safe_codeact.wire",)),
    "bounds": Guided(_bounds, ("safe_codeact.gate",)),
    "yaml": Guided(_yaml, ("safe_codeact.policy", "yaml")),
}


def seeds_of(name: str, folder: Path = SEEDS) -> list[Path]:
    """The seed files of one target, in order."""
    return sorted(path for path in (folder / name).iterdir() if path.is_file())


def replay(name: str, folder: Path = SEEDS) -> int:
    """Try every seed, without atheris; how many there were. Raises `Escape`."""
    one = GUIDED[name].make()
    paths = seeds_of(name, folder)
    for path in paths:
        try:
            one(path.read_bytes())
        except Escape as escape:
            raise Escape(escape.claim, f"{path}: {escape.seen}") from escape
    return len(paths)


def _explore(name: str, seconds: int, folder: Path, keep: Path | None) -> None:
    """Until the time is over, or an input fails. Never returns: libFuzzer ends the process."""
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        sys.exit("coverage-guided fuzzing needs atheris: pip install 'safe-codeact[guided]'; --replay does without.")
    target = GUIDED[name]
    with atheris.instrument_imports(include=list(target.instrumented)):
        one = target.make()
    grown = keep if keep is not None else Path(tempfile.mkdtemp())  # libFuzzer writes into the first folder it is given
    grown.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={_MOST_BYTES}",
        f"-timeout={_HANG_SECONDS}",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(grown), str(folder / name)], one)
    atheris.Fuzz()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m safe_codeact.fuzzing.guided")
    parser.add_argument("target", choices=sorted(GUIDED))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seeds", type=Path, default=SEEDS)
    parser.add_argument("--keep", type=Path, help="write inputs that reached something new into this folder")
    parser.add_argument("--replay", action="store_true", help="only the seeds, without atheris")
    asked = parser.parse_args(arguments)
    if asked.replay:
        print(f"{asked.target}: {replay(asked.target, asked.seeds)} seeds hold.")
        return 0
    _explore(asked.target, asked.seconds, asked.seeds, asked.keep)
    return 0


if __name__ == "__main__":
    sys.exit(main())
