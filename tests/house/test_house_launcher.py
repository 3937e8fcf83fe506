"""What the tests of commands start by `launcher.py` ends and says what it would if it were started anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import launcher
import pytest

PROGRAMS = {
    "what it is given": "import sys, os\nprint(sys.argv[1:], os.getcwd(), sys.stdin.read(), os.environ['WORD'], __name__)",
    "a status": "import sys\nsys.exit(5)",
    "an exception": "import sys\nsys.tracebacklimit = 0\nraise ValueError('x')",
    "a signal": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "what runs at its end": "import atexit, sys\natexit.register(print, 'end')\nsys.stdout.write('unflushed ')",
    "a thread at its end": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.05), print('later'))).start()",
    "output as it is": "import sys\nsys.stdout.buffer.write(bytes(range(256)))\nsys.stderr.write('warned')",
    "what others left": "import os\nprint(sorted(os.listdir('/proc/self/fd'))[:3], os.environ.get('OTHER'), os.getcwd())",
    "what is ours": "import sys\nprint([name for name in sys.modules if name.startswith('safe_codeact')])",
}


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_forked_command_is_as_one_that_is_started_anew(text: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(text)
    environment = {**os.environ, "WORD": "word"}
    launcher.started("program", environment={**environment, "OTHER": "x"}, cwd=tmp_path)
    forked = launcher.started("program", "a b", 7, environment=environment, stdin=b"given", cwd=tmp_path)
    anew = subprocess.run(
        [sys.executable, "-m", "program", "a b", "7"],
        input=b"given", capture_output=True, env=environment, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert (forked.returncode, forked.stdout, forked.stderr) == (anew.returncode, anew.stdout, anew.stderr)


def test_a_command_that_does_not_end_is_killed_and_the_next_one_runs(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text("while True: pass")
    (tmp_path / "program.py").write_text("print(1)")
    with pytest.raises(subprocess.TimeoutExpired):
        launcher.started("endless", environment=os.environ, cwd=tmp_path, timeout=0.5)
    assert launcher.started("program", environment=os.environ, cwd=tmp_path).stdout == b"1\n"
