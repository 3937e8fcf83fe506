"""Runs programs with CPython's own builtins behind the audit hook alone: no gate, no facades, no kernel layer.

Used as a script: a JSON list of programs on standard input; for each, in a fork of its own with a fresh workspace,
what it printed and what it raised.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
from typing import Any


def run(programs: list[str], *, hooked: bool = True, workspace: str = "rw") -> list[dict[str, Any]]:
    """`out`, `raised` (a type's name or None) and `message` of each program."""
    with tempfile.TemporaryDirectory() as outside:
        done = subprocess.run(
            [sys.executable, __file__],
            input=json.dumps({"programs": programs, "hooked": hooked, "workspace": workspace}),
            capture_output=True,
            text=True,
            cwd=outside,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


# What libraries have loaded by the time a zygote is ready.
_LOADED = "asyncio ctypes encodings.idna mmap multiprocessing.connection resource shutil socket sqlite3 urllib.request"


def _main() -> None:
    from safe_codeact.guest import audit
    from safe_codeact.policy.effective import Filesystem, Policy

    for name in _LOADED.split():
        importlib.import_module(name)
    request = json.load(sys.stdin)
    given = audit.reach(Policy(name="test", filesystem=Filesystem(workspace=request["workspace"])), {})
    print(json.dumps([_forked(source, given, request["hooked"]) for source in request["programs"]]))


def _forked(source: str, given: Any, hooked: bool) -> dict[str, Any]:
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "data.txt"), "w") as file:
            file.write("inside")
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            answer = json.dumps(_run(source, given, os.path.realpath(folder), hooked)).encode()
            os.write(writing, answer)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            answer_text = pipe.read()
        os.waitpid(pid, 0)
    return json.loads(answer_text) if answer_text else {"out": "", "raised": "died", "message": ""}


def _run(source: str, given: Any, workspace: str, hooked: bool) -> dict[str, Any]:
    from safe_codeact.guest import audit

    os.chdir(workspace)
    out = io.StringIO()
    raised: BaseException | None = None
    code, kind = compile(source, "<program>", "exec"), type
    if hooked:
        audit.install(given, workspace)
    try:
        with contextlib.redirect_stdout(out):
            exec(code, {"__name__": "__main__", "os": os, "sys": sys, "workspace": workspace})
    except BaseException as error:
        raised = error
    return {
        "out": out.getvalue(),
        "raised": None if raised is None else kind(raised).__name__,
        "message": "" if raised is None else str(raised).replace(workspace, "WORKSPACE"),
    }


if __name__ == "__main__":
    _main()
