"""Under the conditions of an ordinary container every required layer comes up, and holds when it is attacked."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from readable_interpreter import make_copy, readable_by_anybody

_POLICY = """
version: 1
name: contained
extends: strict
limits: {workspace_mb: 8, workspace_files: 10, memory_mb: 128, state_mb: 16}
filesystem: {workspace: rw}
"""
CONDITIONS = [(), ("capabilities",), ("user",)]
AS_IN_A_CONTAINER = ("user", "capabilities", "container")


@pytest.fixture(scope="module")
def interpreter() -> Iterator[str]:
    """One that an ordinary user can start: this one where everybody may, else a copy."""
    if os.geteuid() != 0 or readable_by_anybody():
        yield sys.executable
        return
    program = make_copy()
    yield str(program)
    shutil.rmtree(program.parents[1])


@pytest.fixture(scope="module")
def policy() -> Iterator[Path]:
    """A policy file that every user may read: pytest's own folders are for the one who runs it."""
    folder = Path(tempfile.mkdtemp(prefix="sc-policy-", dir="/tmp"))
    folder.chmod(0o755)
    file = folder / "contained.yaml"
    file.write_text(_POLICY)
    file.chmod(0o644)
    yield file
    shutil.rmtree(folder)


def _under(conditions: tuple[str, ...], interpreter: str, *command: str) -> subprocess.CompletedProcess[str]:
    taking_on = str(Path(__file__).parent / "ordinary_conditions.py")
    return subprocess.run(
        [sys.executable, taking_on, *conditions, "--", interpreter, *command],
        capture_output=True, text=True, timeout=120, check=False, cwd="/",
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip


def _doctor(conditions: tuple[str, ...], interpreter: str, policy: Path, *more: str) -> dict[str, Any]:
    ended = _under(conditions, interpreter, "-m", "safe_codeact", "doctor", "--json", "--policy", str(policy), *more)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    document: dict[str, Any] = json.loads(ended.stdout)
    return document


@pytest.mark.parametrize("conditions", CONDITIONS, ids=lambda each: " and ".join(each) or "as it is")
def test_all_required_layers_come_up(conditions: tuple[str, ...], interpreter: str, policy: Path) -> None:
    """`doctor` makes a worker there, verifies it against its plan, and says that each layer holds."""
    document = _doctor(conditions, interpreter, policy)
    states = {line["protection"]: line["state"] for line in document["protections"]}
    assert document["usable"] is True
    assert [states[name] for name in ("seccomp", "names of calls", "landlock", "limits", "worker")] == ["held"] * 5


def test_the_layers_hold_for_an_ordinary_user_in_a_container(interpreter: str, policy: Path) -> None:
    """All conditions at once, and every attack of `doctor --attack`."""
    document = _doctor(AS_IN_A_CONTAINER, interpreter, policy, "--attack")
    assert document["usable"] is True
    assert document["fallen"] == []
    assert any(line["protection"] == "names of calls" and line["state"] == "held" for line in document["protections"])
    refused = {row["attack"] for row in document["siege"]["attacks"] if not row["offered"]}
    assert {"io_uring", "bpf", "a namespace"} <= refused, "the container's filter is not there"
    assert {"reading one", "tcp", "fork", "written and executed"}.isdisjoint(refused)


def test_the_conditions_are_what_they_are_called(interpreter: str) -> None:
    """Not root, no capability, and a filter around: the kernel's own word."""
    show = "print(*[line for line in open('/proc/self/status') if line.startswith(('Uid', 'CapEff', 'CapBnd', 'Seccomp:'))])"
    said = _under(AS_IN_A_CONTAINER, interpreter, "-c", show).stdout.split()
    fields = dict(itertools.pairwise(said))
    assert fields["Uid:"] != "0"
    assert fields["CapEff:"] == "0" * 16
    assert fields["Seccomp:"] == "2"
    if os.geteuid() == 0:
        assert fields["CapBnd:"] == "0" * 16


def test_a_machine_without_a_layer_is_refused_and_told_why(interpreter: str, policy: Path) -> None:
    """Behind a filter that refuses Landlock's calls: exit status 1, the layer, and what would mend it."""
    program = (
        "import os, struct, sys\nfrom safe_codeact.kernel import process, seccomp\n"
        "def instruction(code, true, false, k): return struct.pack('<HBBI', code, true, false, k)\n"
        "process.forbid_new_privileges()\n"
        "seccomp.install(instruction(0x20, 0, 0, 0) + instruction(0x15, 0, 1, 444) + instruction(6, 0, 0, 0x50001)"
        " + instruction(6, 0, 0, 0x7fff0000))\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'safe_codeact', 'doctor', '--json', '--policy', sys.argv[1]])"
    )
    ended = _under((), interpreter, "-c", program, str(policy))
    lines = {line["protection"]: line for line in json.loads(ended.stdout)["protections"]}
    assert ended.returncode == 1
    assert (lines["landlock"]["state"], lines["worker"]["state"]) == ("missing", "missing")
    assert "lsm=" in lines["landlock"]["mend"]
    assert "Landlock ABI none" in lines["worker"]["detail"]


def test_the_environment_of_a_worker_names_no_home_and_no_account(interpreter: str) -> None:
    """Read by the action itself, with the gate off: a fixed list, whatever the host's own environment says."""
    program = (
        "import os\nos.environ.update(HOME='/home/operator-name', XDG_CACHE_HOME='/home/operator-name/cache')\n"
        "from safe_codeact import Policy, Runtime\n"
        "policy = Policy.from_dict({'version': 1, 'name': 'x', 'extends': 'strict', 'language': {'restricted': False}})\n"
        "with Runtime(policy) as runtime: print(runtime.session().run("
        '\'import ctypes\\nlibc = ctypes.CDLL(None)\\narray = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")\\n'
        "n = 0\\nwhile array[n]: print(array[n].decode()); n += 1').stdout)"
    )
    ended = _under((), interpreter, "-c", program)
    names = {line.partition("=")[0] for line in ended.stdout.split("\n") if line}
    assert "operator-name" not in ended.stdout
    assert names == {
        "PATH", "LANG", "PYTHONUTF8", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "MPLBACKEND", "MPLCONFIGDIR",
    }, ended.stderr  # fmt: skip
