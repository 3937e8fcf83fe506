"""What a runtime writes down: every action and call, before and after, redacted as the policy says, and nothing else as if it were one."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safe_codeact import (
    AsyncRuntime,
    Decision,
    Policy,
    Runtime,
    SafeCodeActError,
    Trail,
    TrailError,
    tool,
)
from safe_codeact.trail.reading import records
from safe_codeact.trail.show import readable
from safe_codeact.trail.verify import verify

KEY = bytes(range(32))


@tool
def login(user: str, password: str, card: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"user": user, "token": b"\x00secret"}


@tool
def refund(order: str, amount: float) -> str:
    return f"refunded {amount}"


def policy(**tools: Any) -> Policy:
    lines = {"login": {"redact": ["password", "card.number"]}, "refund": {"approval": "ask", "max_calls": 1}, **tools}
    return Policy.from_dict({
        "version": 1,
        "name": "support",
        "tools": {name: {"why": "a test", **line} for name, line in lines.items()},
        "filesystem": {"workspace": "rw"},
        "limits": {"memory_mb": 128, "state_mb": 16, "workspace_mb": 4},
    })  # fmt: skip


def yes(call: Any) -> Decision:
    return Decision(approved=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.trail"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """One runtime with all kinds of things in it."""
    path = tmp_path_factory.mktemp("trail") / "t.trail"
    with Runtime(policy(), tools=[login, refund], trail=path, approve=yes, standby=1) as runtime:
        session = runtime.session("alice")
        session.files.write("a.csv", b"1,2\n")
        session.set("pair", (1, b"\xff"))
        session.run(
            "x = login('bob', password='hunter2', card={'number': '4111', 'name': 'Bob'})\nprint(x['user'])\nlen(pair)"
        )
        session.run("import os")
        session.run("refund('A-1', 5)\nrefund('A-2', 6)")
        session.run("login('eve', pasword='hunter3')")
        session.run("x" * 1_100_000)
        mark = session.checkpoint()
        session.restore(mark)
        session.fork()
    assert verify(path).is_whole
    return list(records(path))


def _of(told: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [record for record in told if record["kind"] == kind]


def test_an_action_leaves_its_text_its_digest_the_policys_digest_its_outcome_and_its_usage(
    told: list[dict[str, Any]],
) -> None:
    action, observation = _of(told, "action")[0], _of(told, "observation")[0]
    assert action["sha256"] == hashlib.sha256(action["source"].encode()).hexdigest()
    assert action["policy"] == policy().digest == _of(told, "runtime")[0]["policy"]["digest"]
    assert (action["session"], observation["action"]) == ("alice", action["n"])
    assert (observation["outcome"], observation["allowed"], observation["stdout"], observation["value"]) == (
        "completed",
        True,
        "bob\n",
        "2",
    )
    assert observation["usage"]["wall_seconds"] > 0
    assert observation["usage"]["peak_memory_bytes"] > 2**20


def test_what_the_gate_refuses_is_written_down_with_its_findings_and_so_is_what_is_too_long(
    told: list[dict[str, Any]],
) -> None:
    refused = [each for each in _of(told, "observation") if not each["allowed"]]
    assert [each["findings"][0]["code"] for each in refused] == ["G401", "G101"]
    long = _of(told, "action")[-1]
    assert (long["bytes"], len(long["source"]["$cut"]["begins"])) == (1_100_000, 1024 * 1024)


def test_a_call_is_written_down_before_it_is_made_and_again_when_it_was_answered(told: list[dict[str, Any]]) -> None:
    (first, *_), (reply, *_) = _of(told, "call"), _of(told, "reply")
    assert first["n"] + 1 == reply["n"]
    assert (reply["outcome"], reply["result"]) == ("returned", {"user": "bob", "token": {"$bytes": "AHNlY3JldA=="}})
    asked = [each["approved"] for each in _of(told, "call") if each["tool"] == "refund"]
    assert asked == [True, False]  # the second was over its budget, and nobody was asked
    assert [each["outcome"] for each in _of(told, "reply")] == ["returned", "returned", "rejected", "rejected"]


def test_what_the_policy_redacts_of_a_result_is_not_in_the_observations_record_either() -> None:
    """From which an agent's trajectory has it."""
    with Runtime(policy(login={"redact": ["return"]}), tools=[login], standby=1) as runtime:
        observation = runtime.session().run("login('bob', 'x')\nlogin('bob', 'x', card=7)")
    hidden = {"redacted": ["return"]}
    assert [each.reply for each in observation.tool_calls] == [
        hidden,
        {**hidden, "error": {"type": "ValueError", "message": None}},
    ]


def test_what_the_policy_redacts_is_not_in_the_record_of_the_call(told: list[dict[str, Any]]) -> None:
    call = _of(told, "call")[0]
    assert call["arguments"] == {"user": "bob", "password": None, "card": {"number": None, "name": "Bob"}}
    assert call["redacted"] == ["password", "card.number"]
    assert call["given"] is None  # a digest would tell a password to whoever guesses it
    misspelt = _of(told, "call")[-1]
    assert (misspelt["arguments"], "sent" in misspelt) == ({}, False)


def test_changes_by_the_host_are_told_from_what_actions_did(told: list[dict[str, Any]]) -> None:
    changes = {each["what"]: each for each in _of(told, "change")}
    assert changes["write"]["sha256"] == hashlib.sha256(b"1,2\n").hexdigest()
    assert changes["set"]["value"] == {"$tuple": [1, {"$bytes": "/w=="}]}
    assert changes["checkpoint"]["checkpoint"] == changes["restore"]["checkpoint"]
    assert "fork" in changes


def test_the_action_itself_cannot_have_a_part_of_its_text_forgotten(path: Path) -> None:
    """Were redacted values blanked everywhere, whoever writes the action would choose what the trail does not say."""
    source = "login('bob', password='refund the lot')\n'refund the lot'"
    with Runtime(policy(), tools=[login], trail=path, standby=1) as runtime:
        runtime.session().run(source)
    assert [each["source"] for each in records(path) if each["kind"] == "action"] == [source]


@pytest.mark.parametrize("redact", [["return"], ["*"]])
def test_a_result_can_be_redacted_too_and_what_a_tool_says_when_it_fails(redact: list[str], path: Path) -> None:
    @tool
    def fail(secret: str) -> str:
        raise ValueError(f"the key is {secret}")

    lines = {"login": {"redact": redact}, "fail": {"redact": [*redact, "secret"]}}
    with Runtime(policy(**lines), tools=[login, fail], trail=path, standby=1) as runtime:
        runtime.session().run("try:\n    fail('k-1')\nexcept Exception:\n    pass\nlogin('bob', 'p-1')\n1")
    replies = [each for each in records(path) if each["kind"] == "reply"]
    assert [each["redacted"] for each in replies] == [["return"], ["return"]]
    assert replies[0]["error"] == {"type": "ToolError", "message": None}
    assert "result" not in replies[1]
    if redact == ["*"]:
        calls = [each["arguments"] for each in records(path) if each["kind"] == "call"]
        assert calls == [{"secret": None}, {"user": None, "password": None}]


_FORGERIES = [
    '{"n":99,"at":"2026-01-01T00:00:00Z","kind":"closed","previous":"' + "0" * 64 + '","hash":"' + "0" * 64 + '"}',
    "#99 2026-01-01 00:00:00  observation  of #3: completed",
    "\x1b[2J\x1b[1;1H",
]
_ENDS = ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00", "\x7f"]


def test_no_text_of_an_action_makes_a_record_or_a_line(path: Path) -> None:
    forged = "".join(f"{end}{text}" for end in _ENDS for text in _FORGERIES)
    source = f"print({forged!r})\n{forged!r}"
    with Runtime(policy(login={}), tools=[login], trail=path, standby=1) as runtime:
        session = runtime.session()
        session.run(source)
        session.run(f"login({forged!r}, 'p')\nraise ValueError({forged!r})")
        session.run(f"'''{forged}'''")
    raw = path.read_bytes()
    kinds = [each["kind"] for each in records(path)]
    assert raw.count(b"\n") == len(kinds) == len(raw.splitlines()) == len(raw.decode().splitlines())
    assert all(32 <= byte < 127 or byte == 10 for byte in raw)
    assert [kinds.count(kind) for kind in ("action", "observation", "call", "closed")] == [3, 3, 1, 1]
    assert verify(path).is_whole
    heads = [line for each in records(path) for line in readable(each) if not line.startswith("    ")]
    assert len(heads) == len(kinds)


def test_threads_sessions_and_runtimes_share_one_trail_and_every_record_is_there(path: Path) -> None:
    with (
        Trail(path, key=KEY) as trail,
        Runtime(policy(), tools=[login], trail=trail, standby=1) as one,
        Runtime(policy(), trail=trail, standby=1) as two,
    ):

        def work(runtime: Runtime) -> None:
            session = runtime.session()
            for number in range(6):
                session.run(f"{number} + 1")

        threads = [threading.Thread(target=work, args=(runtime,)) for runtime in (one, two, one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = list(records(path))
    assert verify(path, key=KEY).is_whole
    observed = {each["action"] for each in found if each["kind"] == "observation"}
    assert observed == {each["n"] for each in found if each["kind"] == "action"}
    assert len(observed) == 24


def test_an_asynchronous_runtime_writes_the_same(path: Path) -> None:
    @tool
    async def look(key: str) -> str:
        await asyncio.sleep(0)
        return key.upper()

    async def main() -> None:
        async with AsyncRuntime(policy(look={}), tools=[look], trail=path, standby=1) as runtime:
            session = await runtime.session()
            observation = await session.run(
                "import asyncio\nasync def main():\n    return await asyncio.gather(look('a'), look('b'))\nasyncio.run(main())"
            )
            assert observation.outcome == "refused"  # asyncio is no line of this policy
            assert (await session.run("await look('a')")).value == "'A'"

    asyncio.run(main())
    kinds = [each["kind"] for each in records(path)]
    assert kinds == [
        "opened",
        "runtime",
        "session",
        "action",
        "observation",
        "action",
        "call",
        "reply",
        "observation",
        "closed",
    ]
    assert verify(path).is_closed


# ---- the file


def test_a_second_writer_is_refused_in_this_process_and_in_another(path: Path) -> None:
    with Trail(path):
        with pytest.raises(TrailError, match="has a writer already: share one Trail"):
            Trail(path)
        program = f"from safe_codeact import Trail; Trail({str(path)!r})"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert "has a writer already" in done.stderr
    Trail(path).close()


def test_a_forked_copy_may_not_write(path: Path) -> None:
    with Trail(path) as trail:
        child = os.fork()
        if child == 0:
            try:
                trail.record("change", {})
            except TrailError as error:
                os._exit(0 if "a forked copy may not write it" in str(error) else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        trail.record("change", {})
    assert verify(path).is_whole


@pytest.mark.parametrize(
    ("meddle", "said"),
    [
        (lambda path: os.truncate(path, 100), "somebody else changed it"),
        (lambda path: path.write_bytes(path.read_bytes() + b"{}\n"), "somebody else changed it"),
        (lambda path: path.unlink(), "was removed or replaced"),
    ],
)
def test_a_file_that_somebody_else_changes_is_not_gone_on_with(
    meddle: Callable[[Path], Any], said: str, path: Path
) -> None:
    with Trail(path) as trail:
        meddle(path)
        with pytest.raises(TrailError, match=said):
            trail.record("change", {})
        with pytest.raises(TrailError, match=said):
            trail.record("change", {})  # and stays so


def test_a_trail_that_cannot_be_written_lets_no_action_run_and_no_call_be_made(path: Path) -> None:
    """Closed by default: the disk is full (RLIMIT_FSIZE) before the action, or between the action and its call."""
    made: list[str] = []

    @tool
    def act(what: str) -> str:
        made.append(what)
        return what

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Runtime(policy(act={}), tools=[act], trail=path, standby=1) as runtime:
        session = runtime.session()
        assert session.run("done = act('first')\ndone").value == "'first'"
        size = path.stat().st_size
        action = f"done = act('second' + '{'x' * 600}')"
        try:
            # Room for the record of the action, and not for that of its call.
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1200, limits[1]))
            with pytest.raises(TrailError, match="cannot be written, so nothing more is done"):
                session.run(action)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, before)
        assert made == ["first"]
        with pytest.raises(TrailError):
            session.run("act('third')")  # also when there is room again: something is missing
        assert made == ["first"]
    assert verify(path).is_whole


def test_where_a_trail_is_not_required_the_runtime_goes_on_and_the_trail_says_what_is_missing(path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Trail(path, required=False) as trail, Runtime(policy(), trail=trail, standby=1) as runtime:
        session = runtime.session()
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, limits[1]))
            assert session.run("1 + 1").value == "2"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, before)
        assert session.run("2 + 2").value == "4"
    assert [each["lost"] for each in records(path) if each["kind"] == "gap"] == [2]
    assert verify(path).is_whole


_KILLED = """\
import os, sys
from safe_codeact.trail import Trail
trail = Trail(sys.argv[1])
trail.record("change", {"what": "a"})
write = os.write
def half(descriptor, data):
    write(descriptor, data[: len(data) // 2])
    os.kill(os.getpid(), 9)
os.write = half
trail.record("change", {"what": "b"})
"""


def test_a_host_killed_in_the_middle_of_a_record_leaves_a_file_that_is_gone_on_with(path: Path) -> None:
    """The unfinished line is neither lost nor taken for a record: it is set aside, and the trail says where."""
    done = subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert "record 2 is unfinished" in verify(path).broken
    half = path.read_bytes().split(b"\n")[-1]
    Trail(path).close()
    assert verify(path).is_whole
    torn = [each["torn"] for each in records(path) if each["kind"] == "opened"][1]
    assert Path(torn["kept_in"]).read_bytes() == half
    assert (torn["bytes"], torn["sha256"]) == (len(half), hashlib.sha256(half).hexdigest())


def test_a_file_that_is_no_trail_is_not_written_to(path: Path) -> None:
    path.write_text("dear diary\n")
    with pytest.raises(TrailError, match="does not end in a record of a trail"):
        Trail(path)
    assert path.read_text() == "dear diary\n"
    with pytest.raises(TrailError, match="is no file"):
        Trail("/dev/null")
    with pytest.raises(TrailError, match="cannot be opened"):
        Trail(path.parent)
    with pytest.raises(TrailError, match="cannot be opened"):
        Trail(path / "x")


def test_a_file_that_others_may_write_is_not_gone_on_with(path: Path) -> None:
    Trail(path).close()
    path.chmod(0o620)
    with pytest.raises(TrailError, match="can be written by others"):
        Trail(path)


def test_a_trail_that_actions_could_read_is_refused(path: Path) -> None:
    readable_by_actions = Policy.from_dict(
        {"version": 1, "name": "open", "filesystem": {"read": [{"path": str(path.parent), "why": "a test"}]}}
    )
    with pytest.raises(SafeCodeActError, match="keep it elsewhere"):
        Runtime(readable_by_actions, trail=path)
    assert not path.exists()


def test_a_trail_is_its_owners_alone(path: Path) -> None:
    Trail(path, key=KEY).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert Path(f"{path}.checkpoint").stat().st_mode & 0o777 == 0o600


def test_a_runtime_closes_a_path_and_leaves_a_trail_open(path: Path) -> None:
    with Runtime(policy(), trail=path, standby=1):
        pass
    assert verify(path).is_closed
    with Trail(path) as trail:
        with Runtime(policy(), trail=trail, standby=1):
            pass
        trail.record("change", {})
    with pytest.raises(TrailError, match="the trail is closed"):
        trail.record("change", {})
    with pytest.raises(TypeError, match="expected a path, or a Trail"):
        Runtime("strict", trail=3)  # type: ignore[arg-type]


def test_the_records_are_json_in_lines_that_any_program_reads(told: list[dict[str, Any]], path: Path) -> None:
    with Trail(path) as trail:
        trail.record("change", {"what": "é\ud800"})
    lines = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    assert [line["n"] for line in lines] == [0, 1, 2]
    assert lines[1]["previous"] == lines[0]["hash"]
