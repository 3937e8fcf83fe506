"""`run` and `doctor` on the real machine: one action in a confined worker, and its exit status."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import launcher
import pytest

from safe_codeact.trail import verify
from safe_codeact.trail.reading import records


def _cli(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return launcher.in_text(
        launcher.started("safe_codeact", *arguments, environment={**os.environ, **environment}, stdin=stdin.encode())
    )


def _on_a_full_disk(*arguments: str, stdin: str) -> subprocess.CompletedProcess[str]:
    """One command whose files may not grow beyond 60,000 bytes: what is beyond fails as on a full disk."""
    return subprocess.run(
        [sys.executable, "-m", "safe_codeact", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY)),
        check=False,
    )


def test_a_completed_action_prints_its_output_and_its_value() -> None:
    done = _cli("run", "-", stdin="import math\nprint('hello')\nmath.sqrt(2) ** 2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "hello" in done.stdout
    assert "2.0000000000000004" in done.stdout


@pytest.mark.parametrize(
    ("source", "outcome", "status"),
    [
        ("6 * 7", "completed", 0),
        ("1 / 0", "raised", 1),
        ("import subprocess", "refused", 3),
        ("while True: pass", "timed_out", 4),
        ("x = [0] * 10**9\nlen(x)", "memory_exceeded", 4),
    ],
)
def test_the_exit_status_says_how_the_action_ended(tmp_path: Path, source: str, outcome: str, status: int) -> None:
    policy = tmp_path / "short.yaml"
    policy.write_text("extends: strict\nlimits: {wall_seconds: 2, cpu_seconds: 1, memory_mb: 256}")
    done = _cli("run", "-", "--json", "--policy", str(policy), stdin=source)
    assert json.loads(done.stdout)["outcome"] == outcome
    assert (done.returncode, done.stderr) == (status, "")


def test_output_of_an_action_cannot_write_over_what_is_shown() -> None:
    done = _cli("run", "-", stdin="print('\\x1b[2J\\x1b]0;owned\\x07 \\u202e done')")
    assert done.returncode == 0
    assert "\\x1b[2J\\x1b]0;owned\\x07 \\u202e done" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_second_command_with_the_same_folder_finds_names_and_files_of_the_first(tmp_path: Path) -> None:
    state, policy = tmp_path / "state", tmp_path / "files.yaml"
    policy.write_text("extends: strict\nfilesystem: {workspace: rw}\nlimits: {workspace_files: 9}")
    trail, signer = tmp_path / "t.trail", tmp_path / "signer"
    signer.write_bytes(bytes(32))
    options = ("--policy", str(policy), "--state", str(state), "--trail", str(trail), "--trail-key", str(signer))
    first = _cli("run", "-", *options, stdin="x = [1]\nopen('f.txt', 'w').write('one')\ndef double(): return x * 2")
    assert (first.returncode, first.stderr) == (0, "")
    failed = _cli("run", "-", *options, stdin="x.append(2)\n1 / 0")
    assert (failed.returncode, failed.stderr) == (1, "")
    full = _on_a_full_disk("run", "-", *options, stdin="x.append(3)\nballast = bytes(100_000)\nx")
    assert (full.returncode, "[1, 2, 3]" in full.stdout) == (2, True)
    assert (
        f"{state}: The state could not be kept, and the session is as it was before: {state}/state.db cannot"
        in full.stderr
    )
    second = _cli("run", "-", *options, "--json", stdin="(double(), open('f.txt').read())")
    assert json.loads(second.stdout)["value"] == "([1, 2, 1, 2], 'one')"
    assert (second.returncode, second.stderr) == (0, "")
    assert {path.name: path.stat().st_mode & 0o777 for path in [state, *state.iterdir()]} == {
        "state": 0o700, "state.db": 0o600, "key": 0o600,
    }  # fmt: skip
    assert verify(trail, key=bytes(32)).is_closed
    outcomes = [each["outcome"] for each in records(trail) if each["kind"] == "observation"]
    assert outcomes == ["completed", "raised", "completed", "completed"]


def test_what_a_state_folder_cannot_keep_or_give_back_is_said_with_status_2(tmp_path: Path) -> None:
    open_to_all, keyless, file = tmp_path / "open", tmp_path / "keyless", tmp_path / "file"
    open_to_all.mkdir()
    open_to_all.chmod(0o755)
    keyless.mkdir(mode=0o700)
    (keyless / "state.db").touch(mode=0o600)
    file.touch()
    for folder, said in [
        (open_to_all, f"--state {open_to_all}: expected a folder that is this user's alone: mkdir -m 700"),
        (
            keyless,
            f"--state {keyless}: state.db is there without its key, and cannot be read. Restore key, or name another",
        ),
        (file, f"--state {file}: expected a folder that is this user's alone"),
        (tmp_path / "no" / "parent", f"--state {tmp_path}/no/parent: cannot be used: No such file or directory."),
    ]:
        done = _cli("run", "-", "--state", str(folder), stdin="1")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"safe-codeact: {said}")
    wrong = _cli("run", "-", "--policy", "no-such", "--state", str(tmp_path / "new"), stdin="1")
    assert wrong.returncode == 2
    assert not (tmp_path / "new").exists()


def test_an_action_reads_nothing_of_the_callers_environment() -> None:
    done = _cli("run", "-", stdin="import os\nprint(dict(os.environ))", A_SECRET="hunter2")
    assert "hunter2" not in done.stdout + done.stderr


def test_ctrl_c_ends_the_command_with_130_and_leaves_no_process(tmp_path: Path) -> None:
    action = tmp_path / "long.py"
    action.write_text("import time\nprint('started')\ntime.sleep(25)")
    process = subprocess.Popen(
        [sys.executable, "-m", "safe_codeact", "run", str(action)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # `make test &` ignores it
    )
    deadline = time.monotonic() + 60
    while not _descendants(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    started = _descendants(process.pid)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert started
    assert process.returncode == 130
    assert b"Traceback" not in stderr
    assert [pid for pid in started if _alive(pid)] == []


def test_doctor_finds_this_machine_usable_and_says_what_holds() -> None:
    done = _cli("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    for protection in ("seccomp", "landlock", "worker"):
        assert protection in done.stdout


def test_doctor_as_json_is_one_document() -> None:
    document = json.loads(_cli("doctor", "--json").stdout)
    assert document["policy"] == "strict"
    assert document["usable"] is True
    assert {line["state"] for line in document["protections"]} <= {"held", "missing", "not required"}


def test_doctor_fails_where_a_required_protection_is_missing(tmp_path: Path) -> None:
    policy = tmp_path / "more.yaml"
    policy.write_text("extends: strict\nisolation: {cgroup: required}")
    done = _cli("doctor", "--policy", str(policy))
    assert done.returncode == 1
    assert "missing" in done.stdout
    assert done.stderr == (
        "safe-codeact: policy more cannot be used on this machine: what is missing above is required\n"
    )


def _descendants(pid: int) -> list[int]:
    children = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                children += [int(entry.name), *_descendants(int(entry.name))]
    return children


def _alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
