"""What ten thousand actions leave behind, and how far a workspace gets past its quota: figures, one line each.

    python benchmarks/soak.py [ACTIONS]

Prints what the host, its zygote and the runtime's folder hold before and after; both lines should be equal but for memory,
which settles. Exit status 1 where a descriptor, thread, process or file is left.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from safe_codeact import Policy, Runtime

ACTIONS = 10_000
SOURCES = (
    "x += 1", "data = list(range(1000)); sum(data)", "1 / 0", "import subprocess", "open('f', 'w').write('x' * 1000)",
    "print('y' * 1000)", "def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\nf(10)", "raise SystemExit", "y = [x] * 10",
    "double(21)",
)  # fmt: skip
_FLOOD = """
import os, time
block = bytes(1 << 20)
open('begun', 'w').close()
n = 0
while True:
    n += 1
    with open(f'f{n}', 'wb') as file:
        for _ in range(%d): file.write(block)
"""


def double(n: int) -> int:
    """Twice a number."""
    return 2 * n


def resident(pid: int) -> float:
    """MiB of memory that a process holds alone or shared (VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def held(runtime: Runtime) -> dict[str, int]:
    """What is there while nothing runs."""
    launcher = runtime._core.launcher
    while len(launcher._ready) < 2 or len(launcher._alive) > 2 or launcher._starting:
        time.sleep(0.01)
    zygote = launcher._zygote.pid
    folder = runtime._core.folder
    return {
        "host descriptors": len(os.listdir("/proc/self/fd")),
        "host threads": threading.active_count(),
        "zygote descriptors": len(os.listdir(f"/proc/{zygote}/fd")),
        "zygote children": len(Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()),
        "files": sum(len(files) + len(folders) for _, folders, files in os.walk(folder)),
    }


def soak(actions: int) -> bool:
    """Run them; whether nothing is left."""
    policy = Policy.from_dict(
        {"version": 1, "extends": "strict", "filesystem": {"workspace": "rw"}, "tools": {"double": {"why": "a tool"}}}
    )
    with Runtime(policy, tools=[double]) as runtime:
        session = runtime.session()
        session.run("x = 0")
        for source in SOURCES * 5:
            session.run(source)
        zygote = runtime._core.launcher._zygote.pid
        before, memory = held(runtime), (resident(os.getpid()), resident(zygote))
        started = time.monotonic()
        for number in range(actions):
            session.run(SOURCES[number % len(SOURCES)])
        seconds = time.monotonic() - started
        after, later = held(runtime), (resident(os.getpid()), resident(zygote))
        print(f"{actions:,} actions in {seconds:.0f} s: {1000 * seconds / actions:.1f} ms each")
        for name, figure in before.items():
            print(f"{name:20} {figure:6} before {after[name]:6} after")
        for name, first, last in zip(("host memory", "zygote memory"), memory, later, strict=True):
            print(f"{name:20} {first:6.1f} before {last:6.1f} after, MiB")
        return before == after


def overshoot(mib_per_file: int) -> None:
    """How much lies in a workspace at the most while its action writes as fast as it can."""
    policy = Policy.from_dict(
        {
            "version": 1,
            "extends": "strict",
            "language": {"restricted": False},
            "filesystem": {"workspace": "rw"},
            "limits": {"workspace_mb": 256, "workspace_files": 1000},
        }
    )
    with Runtime(policy) as runtime:
        session = runtime.session()
        most, entries = 0, 0
        thread = threading.Thread(target=session.run, args=(_FLOOD % mib_per_file,))
        thread.start()
        slots = runtime._core.folder / "slots"
        while thread.is_alive():
            sizes = []
            for file in slots.glob("*/work/*"):
                try:
                    sizes.append(file.stat().st_size)
                except OSError:
                    continue
            most, entries = max(most, sum(sizes)), max(entries, len(sizes))
        thread.join()
        limits = policy.limits
        print(
            f"files of {mib_per_file} MiB: at most {most / 2**20:,.0f} MiB of {limits.workspace_mb}, "
            f"{entries:,} files of {limits.workspace_files:,}"
        )


if __name__ == "__main__":
    clean = soak(int(sys.argv[1]) if len(sys.argv) > 1 else ACTIONS)
    for size in (0, 1, 64):
        overshoot(size)
    sys.exit(not clean)
