"""The command line as a user meets it: what goes to which stream, and how each command ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import launcher
import pytest

from safe_codeact.gate.rules import RULES, page


def _cli(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    return launcher.started(
        "safe_codeact", *arguments, environment={**os.environ, "COLUMNS": "120", **environment}, stdin=stdin
    )


def _program(folder: Path, text: str, name: str = "action.py") -> str:
    file = folder / name
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize("verb", ["run", "check", "agent", "explain", "doctor"])
def test_every_verb_has_help(verb: str) -> None:
    listed, own = _cli("--help"), _cli(verb, "--help")
    assert listed.returncode == own.returncode == 0
    assert verb in listed.stdout.decode()
    assert f"Usage: safe-codeact {verb}" in own.stdout.decode()
    assert listed.stderr == own.stderr == b""


def test_help_and_version_load_neither_the_runtime_nor_a_client_of_models() -> None:
    program = (
        "import sys; sys.argv = ['safe-codeact', '--help']\n"
        "from safe_codeact import cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = ('openai', 'pydantic', 'yaml', 'safe_codeact.runtime', 'safe_codeact.gate.check')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert _cli("--version").stdout == b"safe-codeact 0.1.0\n"


@pytest.mark.parametrize(
    "arguments",
    [[], ["bogus"], ["run"], ["run", "--bogus", "x"], ["check"], ["explain"], ["doctor", "x"], ["run", "a", "b"]],
)
def test_a_typing_error_ends_with_status_2_and_usage_and_without_a_traceback(arguments: list[str]) -> None:
    done = _cli(*arguments)
    assert done.returncode == 2
    assert b"Usage: safe-codeact" in done.stdout + done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["run", "check"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "safe-codeact: {file}: cannot be read: there is no such file.\n"),
        ("folder", "safe-codeact: {file}: cannot be read: it is a folder; name the files in it.\n"),
        (
            b"x = 1\ny = '\xe9'\n",
            "safe-codeact: {file}:2: byte 0xe9 is not UTF-8: programs are UTF-8 text; save it as that.\n",
        ),
    ],
)
def test_a_file_that_is_no_program_is_answered_in_one_line(
    tmp_path: Path, verb: str, content: bytes | str | None, message: str
) -> None:
    file = tmp_path / "action.py"
    if content == "folder":
        file.mkdir()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    done = _cli(verb, str(file))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == message.format(file=file)


def test_a_device_is_not_read() -> None:
    done = _cli("check", "/dev/zero")
    assert done.returncode == 2
    assert done.stderr == b"safe-codeact: /dev/zero: cannot be read: it is a device or a socket, not a file.\n"


@pytest.mark.parametrize("verb", [["run"], ["check"], ["doctor"]])
def test_a_policy_that_does_not_load_is_answered_in_one_line(tmp_path: Path, verb: list[str]) -> None:
    policy = _program(tmp_path, "version: 1\nlimits: {memory_mb: 8}", "policy.yaml")
    files = [] if verb == ["doctor"] else [_program(tmp_path, "1")]
    done = _cli(*verb, *files, "--policy", policy)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        f"safe-codeact: {policy}:2:21: limits.memory_mb=8 must be at least 32: CPython alone needs that much to start. "
        "There is no value for 'unlimited'.\n"
    )


def test_a_files_name_cannot_write_over_what_is_shown(tmp_path: Path) -> None:
    done = _cli("check", f"{tmp_path}/\x1b[2Kx\n.py")
    assert done.stderr.decode() == (
        f"safe-codeact: {tmp_path}/\\x1b[2Kx\\n.py: cannot be read: there is no such file.\n"
    )


def test_check_is_silent_about_what_may_run(tmp_path: Path) -> None:
    done = _cli("check", _program(tmp_path, "import math\nmath.pi"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_check_names_file_line_and_column_of_every_finding(tmp_path: Path) -> None:
    good, bad = (
        _program(tmp_path, "1", "good.py"),
        _program(tmp_path, "x = 1\nimport subprocess\nx.__class__", "bad.py"),
    )
    done = _cli("check", good, bad)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 3
    assert lines[0].startswith(f"{bad}:2:8: G401 import-not-allowed: ")
    assert all(line.startswith(f"{bad}:") for line in lines)


def test_check_reads_standard_input_and_follows_the_policy() -> None:
    source = b"import pandas"
    assert _cli("check", "-", stdin=source).returncode == 3
    assert _cli("check", "-", "--policy", "analysis", stdin=source).returncode == 0


def test_check_judges_nothing_where_one_file_cannot_be_read(tmp_path: Path) -> None:
    done = _cli("check", _program(tmp_path, "import os as x; x.system"), str(tmp_path / "absent.py"))
    assert (done.returncode, done.stdout) == (2, b"")


def test_check_as_json_is_one_document(tmp_path: Path) -> None:
    bad = _program(tmp_path, "import subprocess")
    done = _cli("check", bad, "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 3
    assert document["policy"] == "strict"
    (judged,) = document["files"]
    assert (judged["file"], judged["allowed"]) == (bad, False)
    assert [finding["code"] for finding in judged["findings"]] == ["G401"]


@pytest.mark.parametrize(
    "source",
    [b"", b"\xef\xbb\xbf1", b"(" * 5000, b"x" * 2_000_000, b"\x00", b"a\x1b[2Jb = 1"],
    ids=lambda source: repr(source[:8]),  # a name goes into the environment of every process that a test starts
)
def test_check_answers_any_text_without_a_traceback_or_a_control_character(source: bytes) -> None:
    done = _cli("check", "-", stdin=source)
    assert done.returncode in (0, 3)
    assert done.stderr == b""
    assert b"\x1b" not in done.stdout


def test_explain_prints_the_page_of_every_rule() -> None:
    for rule in (RULES[0], RULES[-1]):
        done = _cli("explain", rule.code.lower())
        assert (done.returncode, done.stdout.decode()) == (0, page(rule.code).strip("\n") + "\n")


def test_explain_answers_an_unknown_code_with_those_there_are() -> None:
    done = _cli("explain", "G999")
    known = ", ".join(sorted(rule.code for rule in RULES))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"safe-codeact: G999: there is no rule of that code: the rules are {known}.\n"


def test_a_reader_that_goes_away_leaves_no_complaint(tmp_path: Path) -> None:
    many = _program(tmp_path, "\n".join("import subprocess" for _ in range(60)))
    command = f'"{sys.executable}" -m safe_codeact check {" ".join([many] * 200)} | head -1; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""
    assert done.stdout.splitlines()[1] == "141"


@pytest.mark.parametrize(
    ("redirection", "status", "message"),
    [
        ("<&-", 2, "safe-codeact: -: cannot be read: standard input is closed.\n"),
        (">&- < action.py", 3, ""),
        ("2>&- < action.py > out.txt", 3, ""),
        ("> /dev/full < action.py", 2, "safe-codeact: the operating system refused: No space left on device.\n"),
    ],
)
def test_a_stream_that_is_closed_or_full_is_no_mistake_of_ours(
    tmp_path: Path, redirection: str, status: int, message: str
) -> None:
    _program(tmp_path, "import subprocess")
    command = f'"{sys.executable}" -m safe_codeact check - {redirection}'
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (status, message, "")


def test_a_mistake_of_ours_is_one_line_and_its_place_is_to_be_had() -> None:
    program = (
        "import sys; sys.argv = ['safe-codeact', 'explain', 'G204']\n"
        "import safe_codeact.gate.rules as rules\n"
        "def broken(code): raise RuntimeError('planted')\n"
        "rules.page = broken\n"
        "from safe_codeact.cli import main; main()"
    )
    for environment, status, has_traceback in (({}, 70, False), ({"SAFE_CODEACT_TRACEBACK": "1"}, 1, True)):
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            check=False,
        )
        assert done.returncode == status
        assert ("Traceback" in done.stderr) is has_traceback
        assert "planted" in done.stderr
