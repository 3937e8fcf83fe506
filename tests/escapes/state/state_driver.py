"""Loads hostile snapshots in processes of their own; started as a script by `test_state_*`.

Reads one JSON list of jobs from stdin, answers one JSON list. A job has `stream` (hex of a pickle stream), `snapshot`
(hex of a whole snapshot) or `turns` (sources, saved and restored between them), and `look`, a source that is run last;
what it prints is the answer's `stdout`. Real file, process and code functions are watched: `touched` lists what was
called of them.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "guest" / "namespace"))

from turns_driver import in_a_fork, make_session, prepare, run

from safe_codeact.guest.namespace import HeldSegment, Segments, SnapshotError, StateTooLarge, layout, restore, save

_WATCHED = ("os.", "subprocess.", "socket.", "ctypes.", "open", "exec", "compile", "import", "sys._getframe", "pty.")
_LIMIT = 1 << 26


def watch(touched: list[str]) -> None:
    """CPython's own audit events, from here to the end of the process."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_WATCHED) and touched is not None:
            touched.append(f"{event} {str(arguments[:1])[:80]}")

    sys.addaudithook(hook)


def attempt(job: dict[str, Any], answer: dict[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    touched: list[str] = []
    answer.update({"error": "", "bound": [], "not_kept": {}, "touched": touched, "saved": []})
    data = _bytes_of(job, answer)
    namespace, known = make_session("__main__")
    watch(touched)
    try:
        restored = restore(Segments([HeldSegment(data)]), namespace, known=known)
        answer["not_kept"] = restored.not_kept
    except SnapshotError as error:
        answer["error"] = f"SnapshotError: {error}"
    seen = list(touched)
    answer["bound"] = sorted(name for name in namespace if not name.startswith("__"))
    run(job.get("look", ""), namespace, 99)
    answer["touched"] = seen


def _bytes_of(job: dict[str, Any], answer: dict[str, Any]) -> bytearray:
    if "snapshot" in job:
        return bytearray.fromhex(job["snapshot"])
    if "stream" in job:
        stream = bytes.fromhex(job["stream"])
        group = layout.Group(layout.Names.of(("x",)), layout.Place(0, 0, len(stream)), (), always=True)
        return bytearray(layout.front(layout.Version((group,)), len(stream), 0) + stream)
    data = None
    for index, source in enumerate(job["turns"]):
        namespace, known = make_session("__main__")
        if data is not None:
            restore(Segments([HeldSegment(data)]), namespace, known=known)
        run(source, namespace, index)
        out = io.BytesIO()
        try:
            answer["saved"].append(save(namespace, known=known, out=out, limit_bytes=_LIMIT).not_kept)
        except StateTooLarge as error:
            answer["saved"].append({"StateTooLarge": str(error)})
            save({}, known=known, out=out, limit_bytes=_LIMIT)
        data = bytearray(out.getvalue())
    assert data is not None
    return data


if __name__ == "__main__":
    prepare()
    os.chdir("/")
    json.dump([in_a_fork(attempt, job) for job in json.load(sys.stdin)], sys.stdout)
