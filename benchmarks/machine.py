"""Where a run took place: what a reader needs to know before a figure means anything."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

_PACKAGES = (
    "safe-codeact", "numpy", "pandas", "smolagents", "pydantic-monty", "asteval", "ipykernel", "jupyter-client", "sandlock"
)  # fmt: skip
_PROGRAMS = {"bwrap": ("bwrap", "--version"), "node": ("node", "--version")}


def describe() -> dict[str, str]:
    """Machine and versions, by name."""
    load = os.getloadavg()
    facts = {
        "machine": f"{os.cpu_count()} cores ({_processor()}), {_memory_gib():.0f} GiB",
        "kernel": platform.release(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load": f"{load[0]:.1f} when the run began (other work slows all sides; only ratios of one run mean something)",
        "bytecode": "not written" if sys.dont_write_bytecode else "cached",
    }
    for package in _PACKAGES:
        try:
            facts[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            facts[package] = "not installed"
    for name, command in _PROGRAMS.items():
        facts[name] = _said(command) if shutil.which(name) else "not installed"
    return facts


def _said(command: tuple[str, ...]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "?"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
