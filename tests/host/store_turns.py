"""A host that runs turns in a kept session until it is killed. Before each step it says "next" and what will then be so, and
"now" when it was told that the step is done.

Each line of its input starts one: forked, so that two dozen cost no more than their runtimes. What is so: a number that a name, the length of another and a file count on together, and one in a file that the host writes.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from safe_codeact import Policy, Runtime, SQLiteStore

POLICY = Policy.from_dict(
    {
        "version": 1, "extends": "strict", "filesystem": {"workspace": "rw"},
        "limits": {"workspace_files": 50, "workspace_mb": 4},
    }
)  # fmt: skip
KEY = bytes(range(32))
LOOK = "(n, int(open('n.txt').read()), int(open('by_host.txt').read()), len(ballast) - base)"
TURN = """
n += 1
ballast = bytes(base + n)
with open('n.txt', 'w') as file: file.write(str(n))
if n % 2: open(f'extra{n % 10}', 'w').write('x' * 50_000)
"""


def say(*words: object) -> None:
    """One line, at once."""
    print(*words, flush=True)


def main(folder: Path, seed: int) -> None:
    """Runs until it is killed."""
    chance = random.Random(seed)
    with SQLiteStore(folder / "s.db", key=KEY) as store, Runtime(POLICY, store=store, standby=1) as runtime:
        session = runtime.session("turns")
        if not session.variables():
            session.files.write("by_host.txt", b"0")
            made = session.run("n, base = 0, 300_000\nballast = bytes(base)\nopen('n.txt', 'w').write('0')")
            assert made.outcome == "completed", made.text
        seen = session.run(LOOK)
        assert seen.value is not None, seen.text
        n, in_file, written, in_ballast = map(int, seen.value.strip("()").split(", "))
        assert n == in_file == in_ballast, seen.value
        say("now", n, written)
        while True:
            way = chance.randrange(6)
            mark = session.checkpoint() if way == 1 else ""
            say("next", n + 1, written)
            ended = session.run(TURN)
            assert (ended.outcome, ended.rollback) == ("completed", ""), ended.text
            n += 1
            say("now", n, written)
            if way == 1:
                n -= 1
                say("next", n, written)
                session.restore(mark)
            elif way == 2:
                session.fork().close()
            elif way == 3:
                written = n
                say("next", n, written)
                session.files.write("by_host.txt", str(n).encode())
            say("now", n, written)


def serve(folder: Path) -> None:
    """One host for each seed that is read, until it is killed."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            main(folder, int(line))
        say("pid", child)
        os.waitpid(child, 0)
        say("ended")


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
