"""`safe-codeact agent`: what a terminal shows, what lands on disk, and how it ends."""

from __future__ import annotations

import inspect
import io
import os
from pathlib import Path

import endpoints
import launcher
import pytest
from endpoints import serving
from rich.console import Console

from safe_codeact import Artifact, Finding, Observation, Outcome, Policy
from safe_codeact.agent import (
    ActionProposed,
    AgentResult,
    AnswerReady,
    ContextFolded,
    Fold,
    ModelDelta,
    ModelRetry,
    ObservationReady,
    ReplyReturned,
    read_trajectories,
)
from safe_codeact.cli import agent
from safe_codeact.cli.outbox import safe_name, write_artifacts
from safe_codeact.cli.transcript import Transcript
from safe_codeact.demo.__main__ import POLICY
from safe_codeact.trail import verify
from safe_codeact.trail.reading import records


def command(*arguments, server=None, cwd=None):
    environment = {name: text for name, text in os.environ.items() if not name.startswith("OPENAI_")}
    environment |= {"COLUMNS": "160", "NO_COLOR": "1"}
    if server is not None:
        environment |= {"OPENAI_API_KEY": server.api_key}
        arguments = (*arguments, "--base-url", server.base_url, "--model", "m")
    return launcher.in_text(launcher.started("safe_codeact", "agent", *arguments, environment=environment, cwd=cwd))


WRITE = "Copy it.\n```python\nwith open('out.txt', 'w') as f:\n    f.write(open('in.txt').read().upper())\n```"


def test_an_answered_task_ends_with_0_and_its_files_lie_in_the_output_folder(tmp_path):
    """The given file was in the workspace; the action's file comes out."""
    (tmp_path / "in.txt").write_text("words")
    (tmp_path / "files.yaml").write_text(
        "version: 1\nextends: strict\nfilesystem: {workspace: rw}\nlimits: {workspace_files: 9}\n"
    )
    with serving(replies=[WRITE, "Copied."]) as server:
        done = command("Copy.", "--policy", "files.yaml", "--file", "in.txt", server=server, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Copied." in done.stdout
    assert (tmp_path / "safe-codeact-output" / "out.txt").read_text() == "WORDS"


def test_without_a_policy_it_is_the_one_of_the_demo():
    """Which the demo runs from end to end."""
    assert inspect.signature(agent.agent).parameters["policy"].default == POLICY == "analysis"


def test_no_answer_within_the_turns_ends_with_1():
    """And says so."""
    with serving(replies=[f"```python\n{number}\n```" for number in range(50)]) as server:
        done = command("Go.", "--policy", "strict", server=server)
    assert (done.returncode, done.stderr) == (1, "")
    assert "no answer after 12 turns (agent.max_turns)" in done.stdout


def test_a_run_is_kept_where_a_trajectory_or_a_trail_is_asked_for(tmp_path):
    """Also one without an answer; the budget that ended it is named."""
    path = tmp_path / "runs.jsonl"
    for replies, options, code in ((["Forty-two."], (), 0), (["```python\n1\n```"] * 3, ("--max-turns", "2"), 1)):
        with serving(replies=replies) as server:
            done = command(
                "Go.", "--policy", "strict", "--trajectory", path, "--trail", tmp_path / "t", *options, server=server
            )
        assert (done.returncode, done.stderr) == (code, "")
    assert [run["stopped_by"] for run in read_trajectories(path)] == ["answer", "max_turns"]
    assert verify(tmp_path / "t").is_closed
    assert [each["source"] for each in records(tmp_path / "t") if each["kind"] == "action"] == ["1", "1"]


@pytest.mark.parametrize("name", ["max_tokens", "max_seconds", "max_tool_calls", "repetition"])
def test_each_way_to_end_without_an_answer_is_said_in_words(name):
    """And a fold of the conversation is shown on the way."""
    result = AgentResult(answer=None, turns=3, messages=(), stopped_by=name)
    fold = Fold(turns_left_out=1, observations_cut=2, tokens_before=9_000, tokens_after=5_000, note="n")
    end = AnswerReady(turn=3, answer=None, stopped_by=name, thought="", result=result)
    text = shown(ContextFolded(turn=2, fold=fold), end)
    assert "the conversation is folded: from about 9,000 to 5,000 tokens" in text
    assert "no answer after 3 turns (" in text


def test_an_unknown_api_is_a_slip_of_usage():
    """Status 2, with what there is."""
    done = command("Go.", "--api", "x")
    assert (done.returncode, done.stderr) == (
        2,
        "safe-codeact: --api x: expected chat (chat completions) or responses.\n",
    )


NOT_ANSWERED = {
    "a trajectory that cannot be written": (
        ("--base-url", "http://127.0.0.1:9/v1", "--trajectory", "/nowhere/t"),
        "--trajectory /nowhere/t: cannot be written: No such file or directory.",
    ),
    "a policy that does not exist": (("--policy", "nowhere"), "nowhere"),
    "a file that does not exist": (("--file", "/nowhere.csv"), "/nowhere.csv: cannot be read: No such file"),
    "a file under a policy without a workspace": (
        ("--base-url", "http://127.0.0.1:9/v1", "--policy", "strict", "--file", __file__),
        "gives no workspace",
    ),
    "two files of one name": (("--file", __file__, "--file", __file__), "another file is named"),
    "a trail": (("--base-url", "http://127.0.0.1:9/v1", "--trail", "/dev/null"), "the trail /dev/null is no file"),
    "an endpoint without a scheme": (("--base-url", "localhost"), "the base URL 'localhost' is not an address"),
}


@pytest.mark.parametrize("case", NOT_ANSWERED.values(), ids=NOT_ANSWERED.keys())
def test_what_the_operator_got_wrong_is_one_line_and_status_1(case, tmp_path):
    """Never a traceback of ours."""
    arguments, expected = case
    done = command("Go.", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert expected in done.stderr
    assert done.stderr.startswith("safe-codeact: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("fault", [endpoints.status(401), endpoints.raw("{"), endpoints.page("<html>")])
def test_an_unusable_endpoint_is_one_line_and_status_1(fault):
    """In the middle of a run as at its start."""
    first = [lambda handler, request: handler.send_reply(request, "```python\n1\n```"), fault, fault]
    with serving(*first) as server:
        done = command("Go.", "--policy", "strict", server=server)
    assert done.returncode == 1
    assert done.stderr.startswith(f"safe-codeact: the model endpoint {server.base_url} (model 'm') ")
    assert done.stderr.count("\n") == 1


HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\u202e[bold]x[/bold]"


def shown(*events, terminal=False):
    text = io.StringIO()
    console = Console(file=text, width=120, highlight=False, force_terminal=terminal, color_system=None)
    with Transcript(console, Policy.load("strict")) as transcript:
        for event in events:
            transcript.show(event)
    return text.getvalue()


def hostile_events():
    finding = Finding(code="G1", name="x", line=1, column=1, message=HOSTILE)
    artifact = Artifact(name=HOSTILE, media_type=HOSTILE, data=b"x")
    observation = Observation(outcome=Outcome.refused, text=HOSTILE, findings=(finding,), artifacts=(artifact,))
    result = AgentResult(answer=HOSTILE, turns=1, messages=(), stopped_by="answer")
    return {
        "delta": ModelDelta(turn=1, text=HOSTILE),
        "retry": ModelRetry(turn=1, reason=HOSTILE, wait_seconds=1.0),
        "action": ActionProposed(turn=1, thought=HOSTILE, source=HOSTILE, format="fence"),
        "returned": ReplyReturned(turn=1, text=HOSTILE, reason="r"),
        "observation": ObservationReady(turn=1, observation=observation),
        "answer": AnswerReady(turn=1, answer=HOSTILE, stopped_by="answer", thought=HOSTILE, result=result),
    }


@pytest.mark.parametrize("event", hostile_events().values(), ids=hostile_events().keys())
def test_no_text_of_a_model_or_an_action_reaches_the_terminal_unescaped(event):
    """No control character, no turned direction, and brackets are not markup."""
    text = shown(event)
    assert not set("\x1b\x07\x9b\r\u202e") & set(text)
    assert "\\x1b[2J" in text or isinstance(event, ModelDelta)
    assert "[bold]x[/bold]" in text or isinstance(event, ModelDelta)


def test_a_long_observation_is_shown_by_its_head_and_tail():
    """With how many lines are not shown."""
    observation = Observation(outcome=Outcome.completed, text="\n".join(map(str, range(1_000))))
    text = shown(ObservationReady(turn=1, observation=observation))
    assert "… 940 lines not shown …" in text
    assert "999" in text
    assert text.count("\n") < 80


NAMES = {
    "chart.png": "chart.png",
    "plots/a b.png": "plots-a_b.png",
    "../../.bashrc": "bashrc",
    "/etc/passwd": "etc-passwd",
    "..": "artifact",
    "": "artifact",
    "-rf": "rf",
    "a\x00b\n.txt": "a_b_.txt",
    "año\u202e.csv": "a_o_.csv",
    "x" * 300 + ".csv": "x" * 96 + ".csv",
    "." + "x" * 300: "x" * 100,
    "a\\b": "a-b",
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items(), ids=range(len(NAMES)))
def test_an_artifact_s_name_becomes_a_plain_file_name(name, expected):
    """No folder, no hidden file, nothing that a shell or a terminal would act on."""
    assert safe_name(name) == expected


def artifact(name, data=b"data"):
    return Artifact(name=name, media_type="text/plain", data=data)


def test_artifacts_whose_names_fall_together_are_all_written(tmp_path):
    """Numbered."""
    paths = write_artifacts(
        [artifact("a/b.txt", b"1"), artifact("a-b.txt", b"2"), artifact("a\\b.txt", b"3")], tmp_path
    )
    assert [(path.name, path.read_bytes()) for path in paths] == [
        ("a-b.txt", b"1"),
        ("a-b-2.txt", b"2"),
        ("a-b-3.txt", b"3"),
    ]


def test_a_link_in_the_output_folder_is_not_written_through(tmp_path):
    """Whoever put it there."""
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        write_artifacts([artifact("a.txt")], tmp_path / "out")
    assert (tmp_path / "precious").read_text() == "kept"


def test_an_earlier_run_s_file_is_replaced(tmp_path):
    """The folder shows the last run."""
    write_artifacts([artifact("a.txt", b"longer before")], tmp_path)
    write_artifacts([artifact("a.txt", b"now")], tmp_path)
    assert Path(tmp_path / "a.txt").read_bytes() == b"now"
