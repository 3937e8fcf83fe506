"""What an action leaves: files, plots, long output; and that none of its text is obeyed by whoever shows it."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Iterator

import pytest
from rich.console import Console

from safe_codeact import NotPlain, Policy, Runtime, Session, tool
from safe_codeact.agent import ActionProposed, ObservationReady
from safe_codeact.cli import terminal
from safe_codeact.cli.transcript import Transcript
from safe_codeact.escaping import LineByLine, logger

# Clears the screen, retitles the window, writes to the clipboard, goes back on the line, turns it around; and a line of its own.
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x1b]52;c;aGk=\x07\rrefused\x08\u202eevil\u2066\x9b31m"
OBEYED = set("\x1b\x07\x08\x9b\r\u202e\u2066")
POLICY = Policy.from_dict(
    {
        "version": 1, "extends": "analysis", "limits": {"output_kb": 256, "workspace_mb": 1}, "tools": {"fail": {"why": "a test"}},
        "language": {"imports": [{"module": "warnings", "why": "a test"}]},
    }
)  # fmt: skip


@tool
def fail(text: str) -> None:
    """Raises with what it was given."""
    raise ValueError(f"nothing is called {text}")


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime(POLICY, tools=[fail], standby=1) as made:
        yield made


@pytest.fixture(scope="module")
def session(runtime: Runtime) -> Session:
    return runtime.session()


# ---- files and plots


def test_files_are_put_got_listed_and_deleted_and_the_action_has_the_same(session: Session) -> None:
    session.files.write("data/in.csv", b"a,b\n1,2\n")
    assert (
        session.run("print(open('data/in.csv').read(), end='')\nopen('out.bin', 'wb').write(b'\\x00\\xff')").stdout
        == "a,b\n1,2\n"
    )
    assert session.files.list() == ["data/in.csv", "out.bin"]
    assert session.files.read("out.bin") == b"\x00\xff"
    session.files.delete("out.bin")
    assert "out.bin" not in session.files.list()
    assert session.run("open('out.bin')").outcome == "raised"
    with pytest.raises(FileNotFoundError):
        session.files.read("out.bin")
    for path in ("/etc/passwd", "../x", "a/../../x", ""):
        with pytest.raises(ValueError, match="not a path inside the workspace"):
            session.files.write(path, b"")


def test_a_file_that_an_action_wrote_is_an_artifact_with_name_size_type_and_digest(session: Session) -> None:
    observation = session.run("open('table.csv', 'w').write('x,y\\n' * 100)\nopen('data.json', 'w').write('{}')")
    found = {artifact.name: artifact for artifact in observation.artifacts}
    assert sorted(found) == ["data.json", "table.csv"]
    table = found["table.csv"]
    assert (table.media_type, table.size_bytes) == ("text/csv", 400)
    assert table.digest == hashlib.sha256(b"x,y\n" * 100).hexdigest()
    assert "table.csv (400 bytes)" in observation.text
    listed = next(each for each in observation.to_dict()["artifacts"] if each["name"] == "table.csv")
    assert (listed["size_bytes"], listed["digest"]) == (400, table.digest)
    assert session.run("open('table.csv').close()").artifacts == ()


def test_figures_that_are_shown_or_left_open_are_pngs(session: Session) -> None:
    observation = session.run(
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nplt.figure()\nplt.bar([1], [2])\nplt.title('open')"
    )
    assert [(each.name, each.media_type, each.data[:4]) for each in observation.artifacts] == [
        ("figure-1.png", "image/png", b"\x89PNG"), ("figure-2.png", "image/png", b"\x89PNG"),
    ]  # fmt: skip


def test_a_frame_is_shown_as_bounded_text_and_as_html_only_escaped(session: Session) -> None:
    observation = session.run(
        "import pandas as pd\npd.DataFrame({'<b>': range(100_000), 'y': '<script>alert(1)</script>'})"
    )
    assert observation.value is not None
    assert "[100000 rows x 2 columns]" in observation.value
    assert len(observation.value) < 5_000
    shown = observation._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.startswith("<pre>")


# ---- long output


def test_long_output_is_in_a_file_that_the_observation_names_with_head_and_tail_shown(session: Session) -> None:
    observation = session.run("print('HEAD')\nfor n in range(8_000): print('line', n)\nprint('TAIL')")
    assert observation.text.startswith("HEAD\nline 0\n")
    assert "characters left out: all of it is in whole-output/stdout-1.txt …]\n" in observation.text
    assert "line 7999\nTAIL" in observation.text
    assert session.files.read("whole-output/stdout-1.txt").decode() == observation.stdout
    assert "whole-output/stdout-1.txt" in [artifact.name for artifact in observation.artifacts]
    assert session.run("len(open('whole-output/stdout-1.txt').read().splitlines())").value == "8002"


def test_a_long_value_and_long_warnings_are_kept_as_well(session: Session) -> None:
    observation = session.run("import sys\nprint('w' * 30_000, file=sys.stderr)\n'v' * 40_000")
    assert "all of it is in whole-output/value-1.txt" in observation.text
    assert "all of it is in whole-output/stderr-1.txt" in observation.text
    assert session.files.read("whole-output/value-1.txt").decode() == observation.value


def test_of_long_outputs_the_last_five_are_kept_and_nothing_else_goes(runtime: Runtime) -> None:
    with runtime.session() as session:
        session.run("import os\nos.mkdir('whole-output')\nopen('whole-output/mine.txt', 'w').write('mine')")
        for _ in range(7):
            observation = session.run("'v' * 40_000")
        assert "all of it is in whole-output/value-7.txt" in observation.text
        kept = [f"whole-output/value-{number}.txt" for number in range(3, 8)]
        assert session.files.list() == ["whole-output/mine.txt", *kept]


def test_where_the_folder_cannot_be_made_long_output_is_only_cut(runtime: Runtime) -> None:
    with runtime.session() as session:
        session.run("open('whole-output', 'w').write('mine')")
        observation = session.run("'v' * 40_000")
        assert observation.outcome == "completed"
        assert "characters left out …]" in observation.text
        assert session.files.read("whole-output") == b"mine"


def test_output_for_which_there_is_no_room_is_only_cut(runtime: Runtime) -> None:
    with runtime.session() as session:
        observation = session.run("open('full', 'wb').write(b'x' * 1_000_000)\nprint('y' * 60_000)")
        assert observation.outcome == "completed"
        assert "characters left out …]" in observation.text
        assert session.files.list() == ["full"]


# ---- text that would be obeyed


PLACES = {
    "printed": "print(HOSTILE)",
    "on stderr": "import sys\nprint(HOSTILE, file=sys.stderr)",
    "a value": "class Loud:\n    def __repr__(self): return HOSTILE\nLoud()",
    "an exception": "raise ValueError(HOSTILE)",
    "an exception's name": "raise type('A' + HOSTILE, (Exception,), {})('x')",
    "a warning": "import warnings\nwarnings.warn(HOSTILE)",
    "a file's name": "open('f' + HOSTILE.replace('/', ''), 'w').write('x')",
    "what is not kept": "def make():\n    yield 1\nglobals_ = make()\n",
    "a tool's exception": "fail(HOSTILE)",
    "a column": "import pandas as pd\nprint(pd.DataFrame({HOSTILE: [1]}))",
}  # fmt: skip


@pytest.mark.parametrize("source", PLACES.values(), ids=PLACES.keys())
def test_no_text_of_an_action_is_obeyed_wherever_it_comes_out(
    session: Session, source: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    session.set("HOSTILE", HOSTILE)
    with caplog.at_level(logging.DEBUG):
        observation = session.run(source)
    assert not OBEYED & set(observation.text), observation.text
    assert not OBEYED & set(observation._repr_html_())
    assert not OBEYED & set(caplog.text.replace("\r\n", "\n"))
    terminal.show(observation.text)
    terminal.show(observation.stdout)
    terminal.show_json(observation.to_dict())
    terminal.complain(observation.stdout + source)
    screen = io.StringIO()
    with Transcript(Console(file=screen, force_terminal=False, width=120), POLICY) as transcript:
        transcript.show(ActionProposed(turn=1, source=HOSTILE, thought=HOSTILE, format="fenced", blocks=1))
        transcript.show(ObservationReady(turn=1, observation=observation, hint=""))
    captured = capsys.readouterr()
    for text in (captured.out, captured.err, screen.getvalue()):
        assert not OBEYED & set(text)
    json.dumps(observation.to_dict())


def test_a_tool_s_exception_writes_no_line_of_its_own_into_the_host_s_log(session: Session) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.getLogger("safe_codeact.tools").addHandler(handler)
    try:
        session.run("fail('x\\nCRITICAL all is lost\\r\\nCRITICAL and more\\u2028CRITICAL again\\x1b[2J')")
    finally:
        logging.getLogger("safe_codeact.tools").removeHandler(handler)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "WARNING tool 'fail' raised"
    assert len(lines) > 3
    assert all(line.startswith("  | ") for line in lines[1:]), lines
    assert "\x1b" not in stream.getvalue()


def test_a_message_with_line_ends_is_one_line_and_handlers_still_have_the_exception() -> None:
    seen: list[logging.LogRecord] = []
    log = logger("safe_codeact.a_test")
    log.propagate = False
    handler = logging.Handler()
    handler.emit = seen.append  # type: ignore[method-assign]
    log.addHandler(handler)
    try:
        raise LookupError("a\nb")
    except LookupError as error:
        log.warning("said %s", "x\ny\x1b", exc_info=error)
    assert seen[0].getMessage() == "said x\\ny\\x1b"
    assert seen[0].exc_info is not None
    assert isinstance(seen[0].exc_info[1], LookupError)
    assert logger("safe_codeact.a_test").filters == log.filters
    assert len([each for each in log.filters if isinstance(each, LineByLine)]) == 1


def test_an_exception_of_the_host_that_names_a_guest_s_type_is_one_line(session: Session) -> None:
    session.run("odd = type('A\\x1b[2J\\nB', (), {})()")
    with pytest.raises(NotPlain) as raised:
        session.get("odd")
    assert not OBEYED & set(str(raised.value))
    assert "\n" not in str(raised.value)


def test_what_people_write_stays_readable() -> None:
    from safe_codeact.escaping import tamed

    for text in ("naïve – “quoted” 日本 עברית العربية हिन्दी", "👩‍👩‍👧 ❤️", "a\tb\nc"):
        assert tamed(text) == text
    assert tamed("a\r\nb") == "a\nb"
