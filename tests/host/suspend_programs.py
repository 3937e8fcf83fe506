"""Programs that read what no other run would read again, up to a call that waits for a person: run in a host that is
killed, and gone on with in another one. `python suspend_programs.py STORE MADE` is the host that is killed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from safe_codeact import Decision, IdempotencyKey, Policy, Runtime, SQLiteStore, tool

_MAY_DIE = __name__ == "__main__"
KEY = b"a key for the tests, 32 bytes or more"
SETUP = "import random\nseen = {'first': random.random()}\nnumbers = [3, 1, 2]"
# Each ends with the call that waits, over something that was read; what it printed must be the same again.
PROGRAMS = {
    "random": "import random\nx = random.random()\npay(round(x, 9))",
    "a seed in an earlier turn": "x = seen['first']\npay(x)",
    "an unseeded generator": "import random\nx = random.Random().getrandbits(64)\npay(x)",
    "shuffled": "import random\nrandom.shuffle(numbers)\npay(repr(numbers))",
    "now": "from datetime import datetime, date\nx = datetime.now().isoformat() + str(date.today())\npay(x)",
    "now in UTC": "import datetime\nx = datetime.datetime.now(datetime.timezone.utc).timestamp()\npay(x)",
    "time": "import time\nx = [time.time(), time.time_ns(), time.monotonic(), time.perf_counter()]\npay(repr(x))",
    "local time": "import time\nx = time.strftime('%H:%M:%S') + time.ctime()\npay(x)",
    "elapsed": "import time\nstart = time.perf_counter()\nsum(range(50_000))\nx = time.perf_counter() - start\npay(x)",
    "a loop that waits": "import time\nend = time.monotonic() + 0.05\nn = 0\nwhile time.monotonic() < end:\n    time.sleep(0.01)\n    n += 1\npay(n)",
    "uuid4": "import uuid\nx = str(uuid.uuid4())\npay(x)",
    "secrets": "import secrets\nx = secrets.token_hex(16) + secrets.token_urlsafe()\npay(x)",
    "a set of words": "x = list({'north', 'south', 'east', 'west', 'up', 'down'})\npay(','.join(x))",
    "files": "from pathlib import Path\nPath('a.txt').write_text(Path('kept.txt').read_text() + 'more')\npay(Path('a.txt').read_text())",
    "two tools before": "a = quote('tea')\nb = quote('coffee')\npay(a['price'] + b['price'])",
    "tools side by side": (
        "import asyncio\nasync def one(x):\n    got = await fetch(x)\n    return got + await fetch(got)\n"
        "async def main():\n    return await asyncio.gather(*map(one, 'cab'))\nx = asyncio.run(main())\npay(','.join(x))"
    ),
    "in a function that catches": "def buy():\n    try:\n        return pay(5)\n    except Exception as error:\n        return str(error)\nx = buy()\nx",
    "after printing": "for n in range(3):\n    print('line', n)\npay(3)",
    "pandas": "import pandas as pd\nx = pd.Timestamp.now().isoformat() + str(pd.to_datetime('now'))\npay(x)",
    "numpy": "import numpy as np\nx = float(np.random.rand()) + float(np.random.default_rng().random())\npay(x)",
}
EXTRA = {"pandas", "numpy"}


class Counter:
    """Every call that reaches a tool, in a file that outlives the host."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, line: str) -> None:
        with self._path.open("a") as file:
            file.write(line + "\n")

    def lines(self) -> list[str]:
        return self._path.read_text().splitlines() if self._path.exists() else []


def _die(item: str) -> None:
    if _MAY_DIE and item == "die":
        os.kill(os.getpid(), signal.SIGKILL)


def tools(made: Counter) -> list[object]:
    @tool(read_only=True)
    def quote(item: str) -> dict[str, float]:
        """The price of an item."""
        made.note(f"quote {item}")
        _die(item)
        return {"price": len(item) + os.getpid() % 7}  # another host would answer otherwise

    @tool(read_only=True)
    async def fetch(item: str) -> str:
        """Fetch an item."""
        made.note(f"fetch {item}")
        return item + chr(ord("a") + os.getpid() % 7)

    @tool
    def pay(amount: str | int | float, key: IdempotencyKey) -> str:
        """Pay an amount."""
        made.note(f"pay {amount} {key}")
        return f"paid {amount}"

    @tool
    def book(item: str) -> str:
        """Book an item."""
        made.note(f"book {item}")
        _die(item)
        return f"booked {item}"

    return [quote, fetch, pay, book]


def policy(imports: list[str] | None = None) -> Policy:
    names = ["random", "time", "datetime", "uuid", "secrets", "pathlib", "asyncio", *(imports or [])]
    return Policy.from_dict({
        "version": 1, "name": "waits", "extends": "strict",
        "language": {"imports": [{"module": name, "why": "the program"} for name in names]},
        "filesystem": {"workspace": "rw"}, "limits": {"workspace_files": 100, "workspace_mb": 16},
        "tools": {name: {"why": "the program"} for name in ("quote", "fetch", "book")}
        | {"pay": {"why": "the program", "approval": "ask"}},
    })  # fmt: skip


def later(_call: object) -> Decision:
    return Decision(approved=False, later=True)


def killed_host(store: str, made: str) -> None:
    """Every program in a session of its own, up to the call that waits; then the host is killed."""
    with SQLiteStore(store, key=KEY) as kept:
        runtime = Runtime(policy(sorted(EXTRA)), tools=tools(Counter(Path(made))), store=kept, approve=later)
        for number, (name, source) in enumerate(PROGRAMS.items()):
            session = runtime.session(f"s{number}")
            assert session.run(SETUP).outcome == "completed"
            session.files.write("kept.txt", b"kept,")
            observation = session.run(source)
            assert observation.outcome == "suspended", (name, observation.text)
        os.kill(os.getpid(), signal.SIGKILL)


def dying_host(store: str, made: str) -> None:
    """One session whose tool kills the host in the middle of a call, and one where that is the second call."""
    with SQLiteStore(store, key=KEY) as kept:
        runtime = Runtime(policy(), tools=tools(Counter(Path(made))), store=kept, approve=later)
        session = runtime.session(sys.argv[4])
        session.run("x = 1")
        session.run(sys.argv[5])


if __name__ == "__main__":
    {"killed": killed_host, "dying": dying_host}[sys.argv[3]](sys.argv[1], sys.argv[2])
