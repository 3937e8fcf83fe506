"""What isolates nothing: a process that has imported the same modules forks for each action, and waits.

It times itself, so that its figure has no pipe in it, and no answer's way back. `python -m benchmarks.plain POLICY.json`
reads a source per line, and writes milliseconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

from safe_codeact import Policy

QUIET = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")


class Plain:
    """The process, as the benchmark holds it."""

    def __init__(self, policy: Policy) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.plain", json.dumps(policy.to_plain())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **QUIET, "MPLBACKEND": "Agg"},
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._out.readline()

    def run(self, source: str) -> float:
        """Milliseconds from before the fork until the child is reaped."""
        self._in.write(json.dumps(source) + "\n")
        self._in.flush()
        return float(self._out.readline())

    def close(self) -> None:
        """End it."""
        self._in.close()
        self._out.close()
        self._process.wait()


def fork_and_wait(source: str) -> None:
    """One action: the child runs it, sends its value's text, and ends."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, _run(source).encode()[:4000])
        finally:
            os._exit(0)
    os.close(write)
    while os.read(read, 4096):
        pass
    os.close(read)
    os.waitpid(child, 0)


def _run(source: str) -> str:
    import ast

    names: dict[str, Any] = {"__name__": "__main__"}
    tree = ast.parse(source)
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        exec(compile(tree, "<action>", "exec"), names)
        return ""
    exec(compile(ast.Module(tree.body[:-1], []), "<action>", "exec"), names)
    return repr(eval(compile(ast.Expression(last.value), "<action>", "eval"), names))


def preload(plain_policy: dict[str, Any]) -> None:
    """Import what a zygote of that policy imports, and use it once as a zygote does."""
    from safe_codeact.guest import preload as guest_preload
    from safe_codeact.guest import warming
    from safe_codeact.policy.effective import Policy as Effective

    policy = Effective.from_plain(plain_policy)
    guest_preload.load(policy)
    warming.use({rule.module for rule in policy.language.imports})


def main() -> None:
    """Serve until the end of the input."""
    preload(json.loads(sys.argv[1]))
    print("ready", flush=True)
    for line in sys.stdin:
        source = json.loads(line)
        started = time.perf_counter()
        fork_and_wait(source)
        print(1000 * (time.perf_counter() - started), flush=True)


if __name__ == "__main__":
    main()
