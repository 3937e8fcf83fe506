"""A worker whose interpreter is owned speaks to the real host over its real socket: what it gets is a table.

Whatever it says, the host neither grows nor waits, no call reaches a tool but one that the policy allows with arguments that
fit, other sessions notice nothing, and what the conversation does not allow ends it as `broke_protocol`.
"""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from safe_codeact import AsyncRuntime, Policy, Runtime, Session, tool
from safe_codeact.host import state

_REACHED: list[tuple[str, Any]] = []
_MOST_MB = 300  # of growth, over all of it: one frame may have 64 MiB, and is decoded once


@tool
def double(n: int) -> int:
    """Twice a number."""
    _REACHED.append(("double", n))
    return 2 * n


@tool
def pay(amount: float, to: str = "ada") -> str:
    """Pays."""
    _REACHED.append(("pay", amount))
    return "paid"


@tool
async def later(n: int) -> int:
    """An async tool."""
    _REACHED.append(("later", n))
    return n


@tool
def asked(n: int) -> int:
    """A person is asked first, and nobody is there."""
    _REACHED.append(("asked", n))
    return n


@tool
def secret() -> str:
    """Not for this policy."""
    _REACHED.append(("secret", None))
    return "hunter2"


POLICY = Policy.from_dict(
    {
        "version": 1, "extends": "strict", "language": {"restricted": False}, "limits": {"output_kb": 64},
        "tools": {
            "double": {"why": "a test", "max_calls": 3}, "pay": {"why": "a test", "when": "amount <= 100", "max_calls": 3},
            "later": {"why": "a test", "max_calls": 3}, "asked": {"why": "a test", "approval": "ask"}, "secret": {"deny": True},
        },
    }
)  # fmt: skip

# The last descriptor of a worker that is its own is its socket: it writes what it likes.
PRELUDE = r"""
import os, struct, sys, time
m, encode = sys.modules['safe_codeact.wire.messages'], sys.modules['safe_codeact.wire.encode']
frame, pack = encode.frame, encode.pack
def write(data):
    view = memoryview(data)
    try:
        while view: view = view[os.write(3, view):]
    except OSError:
        os._exit(0)
def raw(body, length=None): write(struct.pack('>I', len(body) if length is None else length) + body)
def call(number=b'\x01', name=b'\xa6double', args=b'\x91\x05', kwargs=b'\x80'): raw(b'\x95\x34' + number + name + args + kwargs)
def calls(number, name='double', args=(5,), **kwargs): return frame(m.ToolCall(number, name, list(args), kwargs))
def finished(**more):
    given = dict(ended='completed', value='forged', error=None, not_kept={}, saved_bytes=-1, kept=[], output_bytes=0,
                 has_final_answer=False, final_answer=None)
    return frame(m.Finished(**{**given, **more}))
def answer():
    size = struct.unpack('>I', os.read(3, 4))[0]
    data = b''
    while len(data) < size: data += os.read(3, size - len(data))
    return data
def text(value): return pack(value)
"""

BROKE = {
    # turns
    "a call after the last word": "write(finished() + calls(1))",
    "two last words": "write(finished() * 2)",
    "a verdict again": "write(frame(m.Judged({'allowed': True, 'findings': [], 'imports': [], 'names': [], 'tools': []}, [])))",
    "ready again": "write(frame(m.Ready({})))",
    "an answer to get() that nobody asked": "write(frame(m.Fetched('', '', 1)))",
    "a reply to its own call": "write(frame(m.ToolReply(1, 5)))",
    "the host's own request": "write(frame(m.Fetch('x', 0)))",
    "a zygote's report of a death": "write(frame(m.Exited(77, 0, 0.0, 0)))",
    "a call left open at the end": "write(calls(1, 'later') + finished())",
    "a call made twice": "write(calls(1)); answer(); write(calls(1))",
    "a replay of an old call": "write(calls(1)); answer(); write(calls(2)); answer(); write(calls(1))",
    "a call that skips a number": "write(calls(2))",
    "call zero": "call(number=b'\\x00')",
    "call minus one": "call(number=b'\\xff')",
    "seventeen calls at once": "write(b''.join(calls(n, 'later') for n in range(1, 18)))",
    "readings of clocks that nobody records": "write(frame(m.Readings([1.0], True)))",
    # names
    "a tool that is not there": "write(calls(1, 'eval'))",
    "a tool that the policy denies": "write(calls(1, 'secret'))",
    "a name in other letters that look alike": "write(calls(1, 'd\\u043euble'))",
    "a name that NFKC makes the tool's": "write(calls(1, '\\uff44ouble'))",
    "a name with a zero behind it": "call(name=b'\\xa7double\\x00')",
    "a name with a joiner in it": "call(name=text('dou\\u200dble'))",
    "a name turned around": "call(name=text('\\u202eelbuod'))",
    "a name that is no text": "call(name=b'\\xa6dou\\xff\\xfe\\x00')",
    "a name that is half a pair": "call(name=b'\\xa3\\xed\\xa0\\x80')",
    "a name of four gibibytes": "call(name=b'\\xdb\\xff\\xff\\xff\\xff')",
    "a name that is a number": "call(name=b'\\x05')",
    "no name": "call(name=b'\\xa0')",
    # types in every position
    "arguments that are a map": "call(args=b'\\x80')",
    "arguments that are nothing": "call(args=b'\\xc0')",
    "keywords that are a list": "call(kwargs=b'\\x90')",
    "a keyword that is a number": "call(kwargs=b'\\x81\\x05\\x05')",
    "an empty keyword": "call(kwargs=b'\\x81\\xa0\\x05')",
    "the same keyword twice": "call(args=b'\\x90', kwargs=b'\\x82\\xa1n\\x05\\xa1n\\x06')",
    "the same key twice further down": "call(args=b'\\x91\\x82\\xa1n\\x05\\xa1n\\x06')",
    "a number that is text": "call(number=b'\\xa11')",
    "a number that is a fraction": "call(number=b'\\xcb' + struct.pack('>d', 1.0))",
    "a number that is true": "call(number=b'\\xc3')",
    "NaN as a number of bytes": "write(finished()[:-20] + b'\\xcb' + struct.pack('>d', float('nan')) + bytes(11))",
    "output that is bytes": "raw(b'\\x93\\x32\\xa6stdout\\xc4\\x01x')",
    "output to no stream": "raw(b'\\x93\\x32\\xa6stdlog\\xa1x')",
    "an ending that there is none": "raw(b'\\x9a\\x35\\xa4fine' + b'\\xc0' * 8)",
    "a half pair in output": "raw(b'\\x93\\x32\\xa6stdout\\xa3\\xed\\xa0\\x80')",
    "a display with a path out of it": "raw(b'\\x94\\x33' + text('../../etc/passwd') + text('image/png') + b'\\xc4\\x00')",
    "a success with an error": "write(finished(error={'type': 'E', 'message': '', 'traceback': '', 'line': None}))",
    "a display that calls itself a page": "write(frame(m.Display('a.html', 'image/png', b'x')).replace(b'image/png', b'text/html'))",
    # size and depth
    "an int of a megabyte": "call(args=b'\\x91\\xc9' + struct.pack('>I', 1 << 20) + b'\\x01' + b'\\x7f' * (1 << 20))",
    "an int of 2,000 bytes": "call(args=b'\\x91\\xc8\\x07\\xd0\\x01' + b'\\x7f' * 2000)",
    "a thousand lists in one another": "call(args=b'\\x91' * 1000 + b'\\x90')",
    "a million lists in one another": "call(args=b'\\x91' * 1_000_000 + b'\\x90')",
    "tuples in one another": "call(args=b'\\x91' + b'\\xc9\\x00\\x00\\x00\\x07\\x02' * 100 + b'\\x90')",
    "a hundred thousand values": "call(args=b'\\xdd' + struct.pack('>I', 100_000) + b'\\xc0' * 100_000)",
    "arguments of two megabytes": "call(args=b'\\x91\\xc6' + struct.pack('>I', 2 << 20) + bytes(2 << 20))",
    "a frame of four gibibytes announced": "write(b'\\xff' * 4)",
    "64 MiB announced as a call": "raw(b'\\x95\\x34', 64 << 20)",
    "keys that collide": "call(args=b'\\x91\\xde\\x03\\xe8' + b''.join(pack(n * (2**61 - 1)) + b'\\x05' for n in range(1, 1001)))",
    "output past every cap": "\nfor _ in range(10_000): write(frame(m.Output('stdout', 'x' * 8_000)))",
    "a million frames of one byte": "\ntiny = frame(m.Output('stdout', 'x')) * 1_000\nfor _ in range(1_000): write(tiny)",
    "displays without end": "\nfor n in range(2_000): write(frame(m.Display(f'p{n}.png', 'image/png', b'x')))",
    # no frames at all
    "noise": "write(os.urandom(100_000))",
    "nothing but zeros": "write(bytes(100_000))",
    "an extension that there is not": "call(args=b'\\x91\\xd4\\x05\\x00')",
    "a byte that begins nothing": "call(args=b'\\x91\\xc1')",
    "bytes after the last field": "raw(b'\\x95\\x34\\x01\\xa6double\\x91\\x05\\x80\\xc0')",
    "a field too few": "raw(b'\\x94\\x34\\x01\\xa6double\\x91\\x05')",
}  # fmt: skip
REFUSED = {
    "text where a number belongs": "calls(1, 'double', ('x',))",
    "nothing where a number belongs": "calls(1, 'double', (None,))",
    "a list where a number belongs": "calls(1, 'double', ([5],))",
    "bytes where a number belongs": "calls(1, 'double', (b'\\xff',))",
    "NaN where a number belongs": "calls(1, 'double', (float('nan'),))",
    "too many arguments": "calls(1, 'double', (1, 2, 3))",
    "a keyword that is not there": "calls(1, 'double', (), m=5)",
    "a dunder as a keyword": "calls(1, 'double', (), **{'__class__': 5})",
    "the tool's own self": "calls(1, 'pay', (5,), self=1)",
    "more than the condition allows": "calls(1, 'pay', (101,))",
    "NaN past the condition": "calls(1, 'pay', (float('nan'),))",
    "infinity past the condition": "calls(1, 'pay', (float('inf'),))",
    "a huge number past the condition": "calls(1, 'pay', (2**700,))",
    "a tool that a person decides about": "calls(1, 'asked', (5,))",
    "an int that float cannot hold": "calls(1, 'pay', (10**400,))",
}  # fmt: skip


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    with Runtime(POLICY, tools=[double, pay, later, asked], standby=1) as made:
        yield made


@pytest.fixture(scope="module")
def bystander(runtime: Runtime) -> Session:
    session = runtime.session()
    assert session.run("n = 0").outcome == "completed"
    return session


@pytest.fixture(autouse=True)
def _bounded(runtime: Runtime, bystander: Session) -> Iterator[None]:
    """Around each attack: the other session goes on where it was, and the host has not grown."""
    _REACHED.clear()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = int(str(bystander.get("n")))
    yield
    assert bystander.run("n += 1\nn").value == str(count + 1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < _MOST_MB * 1024
    assert all(name in ("double", "later") or (name == "pay" and given <= 100) for name, given in _REACHED)
    assert all(type(given) in (int, float) for _name, given in _REACHED)
    assert all([name for name, _given in _REACHED].count(each) <= 3 for each in ("double", "later", "pay"))


@pytest.mark.parametrize("source", BROKE.values(), ids=BROKE.keys())
def test_what_the_conversation_does_not_allow_ends_the_action(runtime: Runtime, source: str) -> None:
    with runtime.session() as session:
        session.run("kept = 1")
        observation = session.run(f"{PRELUDE}\n{source}\ntime.sleep(5)")
        assert observation.outcome == "broke_protocol", observation.text
        assert session.run("kept").value == "1"


@pytest.mark.parametrize("source", REFUSED.values(), ids=REFUSED.keys())
def test_a_call_that_does_not_fit_is_answered_and_reaches_no_tool(runtime: Runtime, source: str) -> None:
    with runtime.session() as session:
        observation = session.run(f"{PRELUDE}\nwrite({source})\nanswer()\nwrite(finished())\ntime.sleep(5)")
    assert observation.outcome == "completed", observation.text
    assert [record.outcome for record in observation.tool_calls] == ["rejected"]
    assert _REACHED == []


def test_calls_beyond_the_budget_reach_no_tool_however_they_are_sent(runtime: Runtime) -> None:
    source = "for n in range(1, 200):\n    write(calls(n, 'double', (n,)))\n    answer()\nwrite(finished())"
    with runtime.session() as session:
        observation = session.run(f"{PRELUDE}\n{source}\ntime.sleep(5)")
    assert observation.outcome == "completed"
    assert _REACHED == [("double", 1), ("double", 2), ("double", 3)]
    assert len(observation.tool_calls) == 199


SILENT = {
    "silence": "time.sleep(60)",
    "half a frame": "write(calls(1)[:-1])\ntime.sleep(60)",
    "the head of a frame that never comes": "raw(b'\\x95\\x34\\x01', 1 << 20)\ntime.sleep(60)",
    "a byte now and then": "for byte in frame(m.Output('stdout', 'x' * 8_000)):\n    write(bytes([byte]))\n    time.sleep(0.05)",
    "replies that it never reads": (
        "for n in range(1, 5_000): write(calls(n, 'double', (n,)))\ntime.sleep(60)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("source", SILENT.values(), ids=SILENT.keys())
def test_a_worker_that_keeps_the_host_waiting_is_ended_at_its_hard_deadline(
    runtime: Runtime, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "_JUDGE_SECONDS", 0.3)
    monkeypatch.setattr(state, "_HARD_GRACE_SECONDS", 0.1)
    monkeypatch.setattr(state, "_SAVE_MB_PER_SECOND", 1e6)
    deaf = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})\n"
    with runtime.session() as session:
        observation = session.run(f"{PRELUDE}\n{deaf}{source}", timeout=0.2)
        assert observation.outcome in ("timed_out", "broke_protocol"), observation.text


def test_another_session_does_its_work_while_one_floods_the_host(runtime: Runtime, bystander: Session) -> None:
    flood = "\ntiny = frame(m.Output('stdout', 'x')) * 500\nfor _ in range(1_000): write(tiny)\ntime.sleep(5)"
    ended: list[str] = []

    def attack() -> None:
        with runtime.session() as session:
            ended.append(session.run(PRELUDE + flood).outcome)

    attackers = [threading.Thread(target=attack) for _ in range(2)]
    for each in attackers:
        each.start()
    answers = [bystander.run("double(21)").value for _ in range(3)]
    for each in attackers:
        each.join()
    assert answers == ["42"] * 3
    assert ended == ["broke_protocol"] * 2


def test_the_host_in_an_event_loop_holds_as_well() -> None:
    import asyncio

    names = [
        "seventeen calls at once",
        "a call made twice",
        "a million lists in one another",
        "output past every cap",
        "noise",
    ]

    async def flow() -> None:
        async with AsyncRuntime(POLICY, tools=[double, pay, later, asked], standby=1) as runtime:
            other = await runtime.session()
            for name in names:
                session = await runtime.session()
                attack = asyncio.create_task(session.run(f"{PRELUDE}\n{BROKE[name]}\ntime.sleep(5)"))
                assert (await other.run("6 * 7")).value == "42"
                assert (await attack).outcome == "broke_protocol", name

    asyncio.run(flow())
