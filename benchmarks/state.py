"""What a session's state costs the turns that do not touch it: milliseconds of both sides, and their ratio, of one run.

    python benchmarks/state.py [ROUNDS] [NAME…]

Each case does the same thing to two sessions of one runtime in turns, so that a busy machine is as busy for both: one
that holds nothing, and one that holds what the case says. NAME is the beginning of a case's name.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from safe_codeact import Policy, Runtime
from safe_codeact.session import Session

ROUNDS = 60
PAUSE_SECONDS = 0.03  # a model takes longer; with 0 every action also pays for the next worker
FILES = Policy.from_dict(
    {
        "version": 1, "extends": "strict", "filesystem": {"workspace": "rw"},
        "limits": {"workspace_mb": 300, "workspace_files": 1000},
    }
)  # fmt: skip
_MANY = "for n in range({files}):\n    with open(f'f{{n}}', 'wb') as file: _ = file.write(bytes({size}))"
_SIZE = 256 << 20


@dataclass(frozen=True, slots=True)
class Case:
    """`holding` is the action that fills one of the two sessions; `act` is what is measured on both."""

    name: str
    holding: str
    act: Callable[[Session], object]
    policy: Policy | str = FILES
    plain: Callable[[Session], object] | None = (
        None  # of the session that holds nothing, where `act` needs what is held
    )


def _turn(source: str) -> Callable[[Session], object]:
    def act(session: Session) -> None:
        observation = session.run(source)
        assert observation.outcome == "completed", observation.text

    return act


def _fork(session: Session) -> None:
    session.fork().close()


def _restore(session: Session) -> None:
    session.restore(session.checkpoint())


def _go_back(session: Session) -> None:
    """Both ways, with a file that differs: the workspace is made anew each time."""
    mark = session.checkpoint()
    session.files.write("differs", b"")
    session.restore(mark)


_FEW_FILES = _MANY.format(files=8, size=_SIZE // 8)
_MANY_FILES = _MANY.format(files=800, size=_SIZE // 800)
_FRAME = "import numpy as np, pandas as pd\ndf = pd.DataFrame({f'c{i}': np.arange(1_250_000.0) for i in range(10)})"
_NAMES = "\n".join(f"n{i} = {i if i % 2 else repr(f'text {i}')}" for i in range(10_000))
_NOTHING = _turn("1 + 1")

CASES = (
    Case("files: a turn that touches none, 256 MB in 8", _FEW_FILES, _turn("1 + 1")),
    Case("files: a turn that touches none, 256 MB in 800", _MANY_FILES, _turn("1 + 1")),
    Case("files: a turn that makes one more, 256 MB in 8", _FEW_FILES, _turn("_ = open('made', 'w').write('made')")),
    Case("files: a turn that makes one more, 256 MB in 800", _MANY_FILES, _turn("_ = open('made', 'w').write('made')")),
    Case("files: checkpoint, 256 MB in 8", _FEW_FILES, Session.checkpoint),
    Case("files: checkpoint, 256 MB in 800", _MANY_FILES, Session.checkpoint),
    Case("files: fork, 256 MB in 8", _FEW_FILES, _fork),
    Case("files: fork, 256 MB in 800", _MANY_FILES, _fork),
    Case("files: checkpoint and restore, nothing changed, 256 MB in 800", _MANY_FILES, _restore),
    Case("files: checkpoint, change and restore, 256 MB in 8", _FEW_FILES, _go_back),
    Case("files: checkpoint, change and restore, 256 MB in 800", _MANY_FILES, _go_back),
    Case("names: a turn that touches none, a frame of 100 MB", _FRAME, _NOTHING, "analysis"),
    Case("names: a turn that touches none, 10,000 names", _NAMES, _NOTHING, "analysis"),
    Case("names: a turn that reads a column of 100 MB", _FRAME, _turn("float(df['c3'].sum())"), "analysis", _NOTHING),
    Case(
        "names: a turn that writes a number into 100 MB", _FRAME, _turn("df.loc[5, 'c3'] = 1.0"), "analysis", _NOTHING
    ),
    Case("names: a turn that reads one of 10,000 names", _NAMES, _turn("n77 + 1"), "analysis", _NOTHING),
    Case("names: fork, a frame of 100 MB", _FRAME, _fork, "analysis"),
)


def measure(case: Case, rounds: int) -> None:
    """One line for one case."""
    with Runtime(case.policy) as runtime:
        empty, full = runtime.session(), runtime.session()
        _turn(case.holding)(full)
        times: dict[Session, list[float]] = {empty: [], full: []}
        for number in range(rounds + 5):
            for session in (empty, full):
                time.sleep(PAUSE_SECONDS)
                started = time.perf_counter()
                (case.plain or case.act if session is empty else case.act)(session)
                if number >= 5:
                    times[session].append(1000 * (time.perf_counter() - started))
        without, holding = statistics.median(times[empty]), statistics.median(times[full])
    print(f"{case.name:66} empty {without:7.2f} ms  held {holding:7.2f} ms  ratio {holding / without:5.2f}", flush=True)


if __name__ == "__main__":
    given = sys.argv[1:]
    chosen = int(given.pop(0)) if given and given[0].isdigit() else ROUNDS
    for each in CASES:
        if not given or each.name.startswith(tuple(given)):
            measure(each, chosen)
