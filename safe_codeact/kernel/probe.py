"""What this kernel offers, as one JSON document: `python -m safe_codeact.kernel.probe`.

A program of its own, because the host does not load `ctypes`.
"""

from __future__ import annotations

import json
import platform
import sys

from safe_codeact.confine.protections import read_programs
from safe_codeact.confine.syscalls import LISTENED_STAGES, MACHINES, program_names
from safe_codeact.kernel import landlock, listener, namespaces, seccomp


def _listens() -> bool:
    machine = platform.machine()
    return machine in MACHINES and listener.works(
        read_programs(program_names("computation", machine, LISTENED_STAGES))[0]
    )


def main() -> None:
    offers = {
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "landlock": landlock.abi(),
        "seccomp": seccomp.available(),
        "listener": _listens(),
        "namespaces": namespaces.why_not(namespaces.unshare),
    }
    sys.stdout.write(json.dumps(offers) + "\n")


if __name__ == "__main__":
    main()
