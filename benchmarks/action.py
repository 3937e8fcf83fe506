"""One small action in a session against a plain fork that runs the same source: milliseconds and ratio, of one run.

    python benchmarks/action.py [ROUNDS]

The plain fork is what isolates nothing: a process that has imported the same packages forks, the child runs the source and
exits, the parent reads its output and waits. Both sides take turns, so that a busy machine is as busy for both.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from safe_codeact import Policy, Runtime

ROUNDS = 100
SOURCE = "1 + 1"
PAUSE_SECONDS = 0.03  # a model takes longer; with 0 every action also pays for the next worker

_PLAIN = """
import os, sys
for name in sys.argv[1].split(","):
    try: __import__(name)
    except ImportError: pass
sys.stdout.write("ready\\n"); sys.stdout.flush()
for source in sys.stdin:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, repr(eval(source)).encode())
        os._exit(0)
    os.close(write)
    answer = os.read(read, 1000)
    os.close(read)
    os.waitpid(child, 0)
    sys.stdout.write(answer.decode() + "\\n"); sys.stdout.flush()
"""


class Plain:
    """A process that forks for each source."""

    def __init__(self, modules: list[str]) -> None:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PLAIN, ",".join(modules)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._out.readline()

    def run(self, source: str) -> str:
        """The value's text."""
        self._in.write(source + "\n")
        self._in.flush()
        return self._out.readline().strip()

    def close(self) -> None:
        """End it."""
        self._in.close()
        self._out.close()
        self._process.wait()


def measure(name: str, rounds: int, pause: float) -> None:
    """One line for one policy."""
    policy = Policy.load(name)
    plain = Plain([rule.module for rule in policy.language.imports])
    with Runtime(policy) as runtime:
        session = runtime.session()
        times: dict[str, list[float]] = {"session": [], "plain": []}
        for number in range(rounds + 10):
            for side, call in (("session", lambda: session.run(SOURCE).value), ("plain", lambda: plain.run(SOURCE))):
                time.sleep(pause)
                started = time.perf_counter()
                assert call() == "2"
                if number >= 10:
                    times[side].append(1000 * (time.perf_counter() - started))
    plain.close()
    session_ms, plain_ms = statistics.median(times["session"]), statistics.median(times["plain"])
    print(
        f"{name:10} pause {pause:4.2f} s  session {session_ms:6.2f} ms  plain fork {plain_ms:6.2f} ms  ratio {session_ms / plain_ms:5.2f}"
    )


if __name__ == "__main__":
    for policy_name in ("strict", "analysis"):
        for seconds in (PAUSE_SECONDS, 0.0):
            measure(policy_name, int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS, seconds)
