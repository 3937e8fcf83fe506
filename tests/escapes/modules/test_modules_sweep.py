"""From everything that the shipped policies let an action import, no walk over public names reaches the interpreter."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "guest" / "modules"))
from modules_driver import sweep


@pytest.mark.parametrize("policy", ["strict", "analysis"])
def test_no_public_path_leads_to_a_raw_module_or_a_dangerous_object(policy: str) -> None:
    assert sweep(policy) == []


def test_the_sweep_finds_a_planted_hole() -> None:
    """A check that never failed was never tested: a policy that allows `os` without its stand-in leaks."""
    policy = '{"version": 1, "name": "planted", "language": {"imports": [{"module": "os"}]}}'
    assert any("os.remove" in leak or "os.listdir" in leak for leak in sweep(policy))
