"""The demo as a user runs it: real server, real runtime, numbers that were computed."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import launcher
import pandas as pd
import pytest

from safe_codeact.demo import __main__ as demo_program
from safe_codeact.demo import sales
from safe_codeact.demo.__main__ import TASK
from safe_codeact.demo.recording import load_recording
from safe_codeact.demo.server import LoopbackServer

PACKAGE = Path(sales.__file__).parent
PNG = b"\x89PNG\r\n\x1a\n"


def surroundings(**more):
    base = {name: text for name, text in os.environ.items() if not name.startswith(("OPENAI_", "SAFE_CODEACT_"))}
    return {**base, "COLUMNS": "160", "NO_COLOR": "1", **more}


def demo(*arguments, **environment):
    return launcher.in_text(
        launcher.started("safe_codeact.demo", *arguments, environment=surroundings(**environment), timeout=300)
    )


def growth_of(csv_text):
    """An independent computation: no group-by on periods, no variable of the demo's actions."""
    table = pd.read_csv(io.StringIO(csv_text))
    table = table[table["revenue"].notna() & (table["revenue"] != "pending")]
    table = table.assign(revenue=table["revenue"].astype(float), year=table["date"].str[:4].astype(int))
    last = int(table["year"].max())
    before, after = (table.loc[table["year"] == year, "revenue"].sum() for year in (last - 1, last))
    return last, before, after, after / before - 1


def quarters_of(csv_text):
    table = pd.read_csv(io.StringIO(csv_text))
    table["revenue"] = [0.0 if text == "pending" or text != text else float(text) for text in table["revenue"]]
    table["quarter"] = [f"{date[:4]}Q{(int(date[5:7]) + 2) // 3}" for date in table["date"]]
    return {quarter: rows["revenue"].sum() for quarter, rows in table.groupby("quarter")}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """As its user starts it; the others are forked (`launcher.py`)."""
    out = tmp_path_factory.mktemp("out")
    line = [sys.executable, "-m", "safe_codeact.demo", "--out", out]
    return subprocess.run(line, capture_output=True, text=True, timeout=300, env=surroundings(), check=False), out


def test_the_demo_answers_and_says_that_its_conversation_is_recorded(shipped):
    """Exit status 0, nothing on stderr, the task and the policy named."""
    done, _ = shipped
    assert (done.returncode, done.stderr) == (0, "")
    assert TASK in done.stdout
    assert "a recorded conversation, played by a server on http://127.0.0.1:" in done.stdout


def test_the_numbers_of_the_answer_equal_an_independent_computation(shipped):
    """Totals of both years and the growth, from the same CSV by another way."""
    done, _ = shipped
    last, before, after, growth = growth_of((PACKAGE / "sales.csv").read_text())
    answer = done.stdout.rpartition("answer ─")[2]
    answer = " ".join(re.sub("[│╭╮╰╯─]", " ", answer).split())
    assert f"Revenue grew by {growth:+.1%} year over year: " in answer
    assert f"from {before:,.2f} in {last - 1} to {after:,.2f} in {last}." in answer


def test_the_sums_of_all_quarters_are_shown_as_computed(shipped):
    """Eight lines in the second observation."""
    done, _ = shipped
    for quarter, revenue in quarters_of((PACKAGE / "sales.csv").read_text()).items():
        assert re.search(rf"{quarter}\s+{revenue:.2f}\b", done.stdout), quarter


def test_the_demo_shows_an_ordinary_error_that_the_next_action_mends(shipped):
    """A wrong column name."""
    done, _ = shipped
    raised = done.stdout.partition("observation: raised")[2]
    assert "KeyError" in raised.partition("turn 2")[0]
    assert "observation: completed" in raised.partition("turn 2")[2].partition("turn 3")[0]


def test_the_demo_shows_an_escape_attempt_that_is_refused_and_survived(shipped):
    """It asks for /etc/passwd and the environment; nothing of either is shown, and the session goes on."""
    done, _ = shipped
    attempt = done.stdout.partition("turn 3")[2].partition("turn 4")[0]
    assert 'open("/etc/passwd")' in attempt
    assert "observation: refused" in attempt
    assert "os.environ" in attempt
    assert "root:x:0:0" not in done.stdout
    assert "observation: completed" in done.stdout.partition("turn 4")[2]


def test_the_limits_used_are_shown_beside_each_observation(shipped):
    """Time, CPU, memory and output, each with what the policy allows."""
    done, _ = shipped
    line = r"\d+\.\d\d of 30 s · CPU \d+\.\d\d of 20 s · \d+ of 1024 MB · output \d+\.\d of 256 KB"
    assert len(re.findall(line, done.stdout)) == done.stdout.count("observation: ") == 5


def test_the_chart_lands_in_the_output_folder(shipped):
    """One PNG, under the name that the action gave it, and the terminal says where."""
    done, out = shipped
    assert [path.name for path in out.iterdir()] == ["revenue_per_quarter.png"]
    assert (out / "revenue_per_quarter.png").read_bytes().startswith(PNG)
    assert "revenue_per_quarter.png" in done.stdout.rpartition("saved")[2]


@pytest.fixture(scope="module")
def another(tmp_path_factory):
    """One run with another CSV, and with an output folder that is a file."""
    folder = tmp_path_factory.mktemp("another")
    text = "date,region,revenue,note\n" + "".join(
        f"{year}-{month:02}-15,R{month % 3},{(year - 2018) * 1000 + month * 10}.5,x\n"
        for year in (2021, 2022)
        for month in range(1, 13)
    )
    (folder / "other.csv").write_text(text)
    (folder / "taken").write_text("a file")
    return demo("--csv", folder / "other.csv", "--out", folder / "taken"), text, folder / "taken"


def test_another_csv_gives_other_numbers(another):
    """Nothing is hard-coded: years, sums and growth follow the file."""
    done, text, _ = another
    last, before, after, growth = growth_of(text)
    assert last == 2022
    answer = " ".join(re.sub("[│╭╮╰╯─]", " ", done.stdout.rpartition("answer ─")[2]).split())
    assert (
        f"Revenue grew by {growth:+.1%} year over year: from {before:,.2f} in 2021 to {after:,.2f} in 2022." in answer
    )


def test_an_output_folder_that_cannot_be_written_is_said_in_one_line(another):
    """After the run, whose answer was shown."""
    done, _, taken = another
    assert done.returncode == 1
    assert done.stderr.startswith(f"safe-codeact: {taken}: the artifacts cannot be written there: ")
    assert done.stderr.count("\n") == 1
    assert "Revenue grew by" in done.stdout


def test_a_csv_that_the_recording_does_not_fit_ends_with_one_clear_line(tmp_path):
    """A single year has no year before it: the actions fail, the recording ends, and no answer is invented."""
    (tmp_path / "short.csv").write_text("date,region,revenue\n2024-01-01,North,5\n")
    done = demo("--csv", tmp_path / "short.csv", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "the recorded conversation has 5 replies and all are played" in done.stderr
    assert "Traceback (most recent call last)" not in done.stderr


BAD_FILES = {
    "missing": (None, "cannot be read: No such file or directory. Name a file that can."),
    "empty": (b"", "has 0 lines and the columns (none), but needs at least 2 lines and date, region, revenue."),
    "header only": (
        b"date,region,revenue\n",
        "has 1 lines and the columns date, region, revenue, but needs at least 2",
    ),
    "other columns": (b"a,b\n1,2\n", "has 2 lines and the columns a, b, but needs at least 2 lines and date, region"),
    "no text": (b"\xff\xfe\x00\x01", "is not a CSV file in UTF-8"),
    "escape sequences": (b"\x1b]0;owned\x07,b\n1,2\n", "has 2 lines and the columns \\x1b]0;owned\\x07, b, but needs"),
}


@pytest.mark.parametrize("case", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_csv_that_cannot_be_used_is_said_in_one_line(tmp_path, case):
    """Exit status 1, before anything is started."""
    content, expected = case
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_bytes(content)
    done = demo("--csv", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"safe-codeact: {path}: {expected}")
    assert done.stderr.count("\n") == 1


def test_a_folder_in_place_of_a_csv_is_said_in_one_line(tmp_path):
    """And so is a device, which would never end."""
    for path in (tmp_path, Path("/dev/zero")):
        done = demo("--csv", path)
        assert (done.returncode, done.stderr) == (1, f"safe-codeact: {path}: is not a file; name a file.\n")


def test_an_endpoint_that_is_down_is_said_in_one_line(tmp_path, monkeypatch, capsys):
    """With OPENAI_BASE_URL set, nothing is recorded and nothing is pretended. Under a policy that is sooner ready."""
    small = tmp_path / "small.yaml"
    small.write_text("version: 1\nextends: strict\nfilesystem: {workspace: rw}\nlimits: {workspace_files: 9}\n")
    monkeypatch.setattr(demo_program, "POLICY", str(small))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        for name, text in surroundings(OPENAI_BASE_URL=url, SAFE_CODEACT_MODEL="m").items():
            monkeypatch.setenv(name, text)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        status = demo_program.main(["--out", str(tmp_path)])
    shown = capsys.readouterr()
    assert status == 1
    assert shown.err == (
        f"safe-codeact: the model endpoint {url} (model 'm') cannot be reached (Connection refused) (4 attempts). "
        "Check that it is running and that the base URL (--base-url, OPENAI_BASE_URL) is right.\n"
    )
    assert f"m at {url}" in shown.out
    assert "recorded" not in shown.out


@pytest.fixture(scope="module")
def of_the_environment(tmp_path_factory):
    """One run with an endpoint of the environment, and that endpoint."""
    with LoopbackServer(load_recording()) as server:
        done = demo(
            "--out", tmp_path_factory.mktemp("out"),
            OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY=server.api_key, SAFE_CODEACT_MODEL="mine", CANARY="canary-4f2a",
        )  # fmt: skip
    return done, server


def test_an_endpoint_of_the_environment_is_used(of_the_environment):
    """Its address, its key, and the model's name from SAFE_CODEACT_MODEL."""
    done, server = of_the_environment
    assert (done.returncode, done.stderr) == (0, "")
    assert {request["model"] for request in server.requests} == {"mine"}
    assert f"mine at {server.base_url}" in done.stdout
    assert server.api_key not in done.stdout


def test_the_key_and_the_environment_are_nowhere_in_what_the_model_is_sent(of_the_environment):
    """Messages hold the prompt, the task, replies and observations."""
    _, server = of_the_environment
    assert len(server.requests) == 5
    assert server.api_key not in str(server.requests)
    assert "canary-4f2a" not in str(server.requests)


def children_of(pid):
    """Processes whose parent is `pid`, and theirs."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found and child not in found}:
        found |= more
    return found - {pid}


def alive(pid):
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_ctrl_c_ends_the_demo_with_one_line_and_leaves_no_process(tmp_path):
    """While the endpoint is silent; the runtime's processes are there before and gone after."""
    arrived, closing = threading.Event(), threading.Event()

    def answer(listener):
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                arrived.set()
                closing.wait()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        environment = {**os.environ, "OPENAI_BASE_URL": url, "NO_COLOR": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "safe_codeact.demo", "--out", str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # `make test &` ignores it
        )
        try:
            assert arrived.wait(120)
            ours = children_of(process.pid)
            process.send_signal(signal.SIGINT)
            _, complaint = process.communicate(timeout=120)
        finally:
            closing.set()
            process.kill()
            process.wait()
            thread.join()
    assert (process.returncode, complaint) == (130, "safe-codeact: interrupted\n")
    assert ours
    assert not [pid for pid in ours if alive(pid)]


def test_the_shipped_csv_is_what_its_script_writes():
    """The data can be made again, to the byte."""
    assert (PACKAGE / "sales.csv").read_text() == sales.text()


def test_the_shipped_csv_looks_like_an_export():
    """Two whole years, a few thousand rows, missing and odd values among them, and a note to whoever reads it."""
    table = pd.read_csv(PACKAGE / "sales.csv")
    assert 2_500 < len(table) < 3_500
    assert (table["date"].min(), table["date"].max()) == ("2024-01-01", "2025-12-31")
    assert table["date"].nunique() > 700
    assert table["revenue"].isna().sum() > 10
    assert (table["revenue"] == "pending").sum() > 2
    assert table["revenue"].str.startswith("-").sum() > 10
    assert not table["date"].is_monotonic_increasing
    assert table["region"].str.contains("/etc/passwd").sum() == 1


def test_the_recording_holds_no_number_of_the_shipped_csv():
    """Not a total, not a quarter, not the growth."""
    text = (PACKAGE / "conversation.md").read_text()
    _, before, after, growth = growth_of((PACKAGE / "sales.csv").read_text())
    for value in (before, after, *quarters_of((PACKAGE / "sales.csv").read_text()).values()):
        assert f"{value:,.0f}" not in text
        assert f"{value:.0f}" not in text
    assert f"{growth:.1%}"[:-1] not in text
