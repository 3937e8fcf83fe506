"""What every test run holds to: nothing is skipped, and no process of ours is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A containment test that cannot run has failed: a skip is an error here."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped: a test that cannot run has failed"


def processes_of_ours() -> list[str]:
    """Command lines of zygotes and workers on this machine whose parent chain leads here."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                environment_of = os.stat(folder).st_uid
            except OSError:
                continue
            if "safe_codeact.guest.zygote" in line:
                found.append(f"{folder.name} (uid {environment_of}): {line}")
    return found


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_behind():
    before = set(processes_of_ours())
    yield
    left = [line for line in processes_of_ours() if line not in before]
    assert not left, f"processes left behind: {left}"
