"""The README's programs run, and print what it says that they print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_a_program_of_the_readme_prints_what_stands_beside_it(number: int, tmp_path: Path) -> None:
    program = PROGRAMS[number]
    expected = re.findall(r"^\s*print\(.*\)  # (.*)$", program, re.MULTILINE)
    assert expected
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == expected
