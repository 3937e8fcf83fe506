"""What every test run holds to: nothing is skipped, and no process of ours is left."""

from __future__ import annotations

import os
from pathlib import Path

import launcher
import pytest

# What looks at the whole machine (shared memory, /dev/shm, who is alive) before and after an attack: one after the other.
LOOKS_AT_THE_MACHINE = (
    "escapes/kernel/",
    "kernel/test_kernel_siege",
    "host/test_host_namespaces",
    "cli/test_cli_doctor",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Each file's tests in one process, and those that could see one another's attacks in the same one."""
    for item in items:
        path = str(item.path.relative_to(Path(__file__).parent))
        item.add_marker(pytest.mark.xdist_group("machine" if path.startswith(LOOKS_AT_THE_MACHINE) else path))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A containment test that cannot run has failed: a skip is an error here."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped: a test that cannot run has failed"


def processes_of_ours() -> list[str]:
    """Command lines of zygotes and workers that descend from this process."""
    parents, lines = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                lines[int(folder.name)] = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
    found = []
    for pid, line in lines.items():
        above = pid
        while above not in (0, os.getpid()):
            above = parents.get(above, 0)
        if above and "safe_codeact.guest.zygote" in line:
            found.append(f"{pid}: {line}")
    return found


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_behind():
    before = set(processes_of_ours())
    yield
    launcher.stop()
    left = [line for line in processes_of_ours() if line not in before]
    assert not left, f"processes left behind: {left}"
