"""What this kernel offers, as one JSON document: `python -m safe_codeact.kernel.probe`.

A program of its own, because the host does not load `ctypes`.
"""

from __future__ import annotations

import json
import platform
import sys

from safe_codeact.kernel import landlock, seccomp


def main() -> None:
    offers = {
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "landlock": landlock.abi(),
        "seccomp": seccomp.available(),
    }
    sys.stdout.write(json.dumps(offers) + "\n")


if __name__ == "__main__":
    main()
