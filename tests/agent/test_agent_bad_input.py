"""The bad inputs of one task, each in a real process: a clear line and an exit status, never a traceback, a hang or a process."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

import endpoints
import launcher
import pytest
from endpoints import delta, serving, status
from processes import children

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2): what a command leaves behind becomes a child of ours, not of process 1


@pytest.fixture(scope="module", autouse=True)
def _orphans_come_to_us():
    launcher.server()  # or the first command's start would look as if it had left a process behind
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _left_behind(before):
    """What goes on living of the children that came since; orphans that have ended are reaped here, in any order: the
    first process of a table ends only when the others in it have been reaped."""
    left = children() - before
    deadline = time.monotonic() + 20
    while left and time.monotonic() < deadline:
        left = {pid for pid in left if not os.waitpid(pid, os.WNOHANG)[0]}
        time.sleep(0.01)
    return left


def cli(*arguments, server=None, module="safe_codeact", cwd=None):
    """A command, whose end is looked at too: no traceback, one line at most on stderr, no process of ours."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("OPENAI_", "SAFE_CODEACT_"))}
    environment |= {"COLUMNS": "160", "NO_COLOR": "1"}
    if server is not None:
        environment |= {"OPENAI_API_KEY": server.api_key, "OPENAI_BASE_URL": server.base_url}
    before = children()
    done = launcher.in_text(launcher.started(module, *arguments, environment=environment, cwd=cwd))
    assert "Traceback" not in done.stderr
    assert "a mistake of ours" not in done.stderr
    assert done.stderr.count("\n") <= 1, done.stderr
    assert _left_behind(before) == set()
    return done


def asked(server, *arguments):
    """`safe-codeact agent` with that endpoint."""
    return cli("agent", "Go.", "--policy", "strict", "--model", "m", *arguments, server=server)


# ---- the policy

NO_POLICY = {
    "does not exist": (None, ": there is no policy of that name and no file: "),
    "does not parse": ("version: 1\nlimits: {memory_mb: [", "policy.yaml:2:"),
    "is no mapping": ("- 1\n", "policy.yaml"),
    "has an unknown key": ("version: 1\nlimitz: {}\n", "policy.yaml:2:1: "),
    "has a value out of bounds": (
        "version: 1\nlimits: {memory_mb: 8}\n",
        "policy.yaml:2:21: limits.memory_mb=8 must be",
    ),
    "is not text": (b"\xff\xfe\x00", "policy.yaml"),
    "is empty": ("", "policy.yaml"),
    "is a folder": ("folder", "policy.yaml"),
}


@pytest.mark.parametrize(
    ("verb", "case"),
    [*(("run", case) for case in NO_POLICY.values()), ("agent", NO_POLICY["does not parse"])],
    ids=[*NO_POLICY, "of the agent"],
)
def test_a_policy_that_cannot_be_used_is_said_in_one_line(tmp_path, verb, case):
    content, said = case
    file = tmp_path / "policy.yaml"
    if content == "folder":
        file.mkdir()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        file.write_text(content)
    program = tmp_path / "a.py"
    program.write_text("1")
    done = cli(verb, program if verb == "run" else "Go.", "--policy", file)
    assert done.returncode == (2 if verb == "run" else 1)
    assert done.stdout == ""
    assert done.stderr.startswith("safe-codeact: ")
    if content is None:
        assert str(file) in done.stderr
    else:
        assert said in done.stderr


# ---- the data


@pytest.mark.parametrize("module", ["safe_codeact", "safe_codeact.demo"])
def test_a_csv_that_is_missing_is_said_in_one_line(tmp_path, module):
    absent = tmp_path / "absent.csv"
    arguments = ("agent", "Go.", "--file", absent) if module == "safe_codeact" else ("--csv", absent)
    done = cli(*arguments, module=module, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"safe-codeact: {absent}: cannot be read: No such file or directory. Name a file that can.\n"


def test_a_csv_that_only_the_action_misses_is_its_observation_and_another_turn_mends_it(tmp_path):
    (tmp_path / "sales.csv").write_text("a,b\n1,2\n")
    (tmp_path / "files.yaml").write_text("version: 1\nextends: strict\nfilesystem: {workspace: ro}\n")
    replies = ["```python\nopen('sale.csv').read()\n```", "```python\nprint(open('sales.csv').read())\n```", "Done."]
    with serving(replies=replies) as server:
        done = cli("agent", "Go.", "--file", "sales.csv", "--policy", "files.yaml", server=server, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "FileNotFoundError" in done.stdout
    assert "FileNotFoundError" in str(server.requests[1]["messages"][-1])


# ---- the endpoint

HOPELESS = {
    "429 again and again": ([status(429, retry_after="0")] * 4, "is limiting the rate of requests (HTTP 429): no (4 attempts)"),
    "500 again and again": ([status(500, retry_after="0")] * 4, "has an internal error (HTTP 500): no (4 attempts)"),
    "a chunk that is not JSON": ([endpoints.raw(delta("Fo"), "{nonsense")], "sent a chunk that is not JSON"),
    "silence": ([endpoints.silence] * 4, "did not answer in time (4 attempts)"),
    "a reply that never ends": ([endpoints.endless(b": wait\n\n", pause=0.05)], "did not finish its reply"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "turn"),
    [*((case, 1) for case in HOPELESS.values()), (HOPELESS["500 again and again"], 2)],
    ids=[*HOPELESS, "500 after an action"],
)
def test_an_endpoint_that_cannot_be_used_is_said_in_one_line(case, turn):
    """At the start as after an action has run."""
    faults, said = case
    first = [lambda handler, request: handler.send_reply(request, "```python\n1\n```")] * (turn - 1)
    with serving(*first, *faults) as server:
        done = asked(server, "--patience", "0.2")
    assert done.returncode == 1
    assert done.stderr.startswith(f"safe-codeact: the model endpoint {server.base_url} (model 'm') ")
    assert said in done.stderr


def test_an_endpoint_that_is_down_is_said_in_one_line():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        done = cli("agent", "Go.", "--policy", "strict", "--base-url", url)
    assert done.returncode == 1
    assert done.stdout.count("again in") == 3 or "Connection refused" in done.stdout
    assert (
        f"the model endpoint {url} (model 'gpt-5') cannot be reached (Connection refused) (4 attempts)" in done.stderr
    )


MENDED = {
    "429 and 500, then a stream that stops half-way": [
        status(429, retry_after="0"),
        status(500, retry_after="0"),
        endpoints.break_off,
    ],
    "silence, then a stream that ends too early": [endpoints.silence, endpoints.raw(delta("Fort"))],
    "chunks of the wrong shape": [endpoints.raw({"choices": [None]}, {"choices": "x"}, [1])],
}


@pytest.mark.parametrize("faults", MENDED.values(), ids=MENDED.keys())
def test_an_endpoint_that_recovers_is_asked_again(faults):
    with serving(*faults) as server:
        done = asked(server, "--patience", "0.5")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Forty-two." in done.stdout


# ---- the model

ANSWERED = {
    "prose": (["It is 42."], "It is 42."),
    "nothing, then prose": (["", "It is 42."], "It is 42."),
    "two code blocks": (["```python\nx = 40\n```\nthen\n```python\nprint(x + 2)\n```", "Done."], "42"),
    "a half-closed block": (["Now:\n```python\nprint(40 + 2)\n", "Done."], "42"),
    "a block that is never code": (["```python\nthis is no code\n```", "Sorry."], "invalid syntax"),
}


@pytest.mark.parametrize("case", ANSWERED.values(), ids=ANSWERED.keys())
def test_whatever_a_model_writes_is_an_answer_an_action_or_another_turn(case):
    replies, shown = case
    with serving(replies=replies) as server:
        done = asked(server)
    assert (done.returncode, done.stderr) == (0, "")
    assert shown in done.stdout


def test_a_model_that_never_gets_there_ends_with_its_turns():
    replies = ["", "```python\n```", "```python\nx = (\n```"] * 20
    with serving(replies=replies) as server:
        done = asked(server)
    assert (done.returncode, done.stderr) == (1, "")
    assert "no answer after 12 turns" in done.stdout


def test_a_terminal_that_closes_ends_the_command_and_leaves_no_process():
    """However the host is ended: nothing of ours can catch the second."""
    for number in (signal.SIGHUP, signal.SIGKILL):
        with serving(endpoints.silence) as server:
            before = children()
            environment = {**os.environ, "OPENAI_API_KEY": server.api_key, "OPENAI_BASE_URL": server.base_url}
            with subprocess.Popen(
                [sys.executable, "-m", "safe_codeact", "agent", "Go.", "--policy", "strict"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # which `nohup make test` ignores
            ) as process:  # fmt: skip
                while not server.requests:
                    time.sleep(0.01)
                process.send_signal(number)
                _, stderr = process.communicate(timeout=60)
            assert process.returncode == -number
            assert b"Traceback" not in stderr
            assert _left_behind(before) == set()
