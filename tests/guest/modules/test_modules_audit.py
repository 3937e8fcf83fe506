"""The audit hook by itself: CPython with all its builtins, no gate, no facades, no kernel layer."""

from __future__ import annotations

import sys

import pytest
from audit_driver import run

from safe_codeact.guest import audit

# What passed the gate would try → the event that stops it.
REAL_CALLS = {
    "os.system('id')": "os.system is not available: an action starts and signals no processes.",
    "import subprocess\nsubprocess.run(['id'])": "subprocess.Popen is not available: an action starts and signals no processes.",
    "os.execv('/bin/sh', ['sh'])": "os.exec is not available: an action starts and signals no processes.",
    "os.fork()": "os.fork is not available: an action starts and signals no processes.",
    "os.posix_spawn('/bin/sh', ['sh'], {})": "os.posix_spawn is not available: an action starts and signals no processes.",
    "os.kill(os.getppid(), 0)": "os.kill is not available: an action starts and signals no processes.",
    "import pty\npty.spawn('sh')": "'pty' is not available: an action has no processes, no network and no native code.",
    "import socket\nsocket.socket()": "socket.__new__ is not available: an action has no network; the host's tools are the way out.",
    "import socket\nsocket.getaddrinfo('localhost', 80)": "socket.getaddrinfo is not available: an action has no network; the host's tools are the way out.",
    "import urllib.request\nurllib.request.urlopen('http://localhost')": "urllib.Request is not available: an action has no network; the host's tools are the way out.",
    "import ctypes\nctypes.CDLL(None)": "ctypes.dlopen is not available: an action calls no native code by address and loads none.",
    "import ctypes\nctypes.string_at(id(1), 8)": "ctypes.string_at is not available: an action calls no native code by address and loads none.",
    "import sqlite3\nsqlite3.connect('x.db')": "sqlite3.connect is not available: an action has no database; let a tool of the host query it.",
    "import gc\ngc.get_objects()": "gc.get_objects is not available: it hands out the interpreter's own objects.",
    "import gc\ngc.get_referents({})": "gc.get_referents is not available: it hands out the interpreter's own objects.",
    "sys._current_frames()": "sys._current_frames is not available: it hands out the interpreter's own objects.",
    "(lambda: 0).__code__.replace(co_name='x')": "code.__new__ is not available: it hands out the interpreter's own objects.",
    "import pickle\npickle.loads(b'cos\\nsystem\\n.')": "pickle.find_class is not available: it hands out the interpreter's own objects.",
    "sys.settrace(print)": "sys.settrace is not available: it replaces a hook that the whole interpreter uses.",
    "os.symlink('/etc', 'etc')": "os.symlink is not available: links lead out of the workspace.",
    "os.link('/etc/passwd', 'p')": "os.link is not available: links lead out of the workspace.",
    "os.chdir('/')": "os.chdir is not available: it changes or reveals the machine that the worker runs on.",
    "import resource\nresource.prlimit(os.getppid(), 0)": "resource.prlimit is not available: an action has one process, its own.",
    "open('/etc/passwd')": "'/etc/passwd' cannot be read: it is outside of what this policy opens to an action.",
    "open(b'/etc/passwd')": "'/etc/passwd' cannot be read: it is outside of what this policy opens to an action.",
    "open('../../etc/passwd')": "'../../etc/passwd' cannot be read: it is outside of what this policy opens to an action.",
    "open('/proc/self/environ')": "'/proc/self/environ' cannot be read: it is outside of what this policy opens to an action.",
    "os.open('/etc/passwd', 0)": "'/etc/passwd' cannot be read: it is outside of what this policy opens to an action.",
    "import io\nio.FileIO('/etc/passwd')": "'/etc/passwd' cannot be read: it is outside of what this policy opens to an action.",
    "import io\nio.open_code('/etc/passwd')": "'/etc/passwd' cannot be read: it is outside of what this policy opens to an action.",
    "import pathlib\npathlib.Path('/etc/passwd').read_text()": "'/etc/passwd' cannot be read: it is outside of what this policy opens to an action.",
    "open(os.__file__, 'a')": f"{__import__('os').__file__!r} cannot be written: it is outside of what this policy opens to an action.",
    "open('/tmp/x', 'w')": "'/tmp/x' cannot be written: it is outside of what this policy opens to an action.",
    "os.listdir('/etc')": "os.listdir: '/etc' is outside of what this policy opens to an action.",
    "os.scandir('..')": "os.scandir: '..' is outside of what this policy opens to an action.",
    "os.mkdir('/tmp/made')": "os.mkdir: '/tmp/made' is outside of what this policy opens to an action.",
    "os.remove('../x')": "os.remove: '../x' is outside of what this policy opens to an action.",
    "os.rename('data.txt', '/tmp/taken')": "os.rename: '/tmp/taken' is outside of what this policy opens to an action.",
    "os.rmdir('/tmp')": "os.rmdir: '/tmp' is outside of what this policy opens to an action.",
    "import shutil\nshutil.copy('/etc/passwd', 'p')": "'/etc/passwd' cannot be read: it is outside of what this policy opens to an action.",
    "import _xxsubinterpreters" if sys.version_info < (3, 13) else "import _interpreters": "'_xxsubinterpreters' is not available: an action has no processes, no network and no native code."
    if sys.version_info < (3, 13)
    else "'_interpreters' is not available: an action has no processes, no network and no native code.",
}  # fmt: skip

# What the hook itself could be talked into.
AGAINST_THE_HOOK = {
    "a name exchanged in its module": "from safe_codeact.guest import audit\naudit.REFUSED = audit.PATHS = audit.FAMILIES = {}\nopen('/etc/passwd')",
    "an exchanged builtin": "import builtins\nbuiltins.type = lambda x: int\nbuiltins.isinstance = lambda *a: False\nopen('/etc/passwd')",
    "an exchanged path function": "os.path.realpath = os.path.normpath = lambda p: workspace\nopen('/etc/passwd')",
    "a str that changes its mind": "class P(str):\n    def split(self, *a): return ['data.txt']\n    def __str__(self): return 'data.txt'\nopen(P('/etc/passwd'))",
    "a path that changes its mind": "class P:\n    n = 0\n    def __fspath__(self):\n        P.n += 1\n        return '/etc/passwd' if P.n == 1 else 'data.txt'\nimport io\nio.FileIO(P())",
    "another hook that hides it": "sys.addaudithook(lambda *a: None)\nopen('/etc/passwd')",
    "the exception caught, and on": "try:\n    os.system('true')\nexcept PermissionError:\n    pass\nopen('/etc/passwd')",
    "up through an open folder": "d = os.open('.', 0)\nos.open('../../../../etc/passwd', 0, dir_fd=d)",
    "the frame that a refusal shows": "import operator\ndef frames(e):\n    t = e.__traceback__\n    while t:\n        yield t.tb_frame\n        t = t.tb_next\ntry:\n    open('/etc/passwd')\nexcept PermissionError as e:\n    for f in frames(e):\n        for n, v in list(f.f_locals.items()):\n            if callable(v) and hasattr(v, '__code__') and n != 'frames':\n                v.__code__ = (lambda *a: True).__code__\n            elif hasattr(v, 'clear') and isinstance(v, (dict, set, list)) and f.f_globals['__name__'].startswith('safe'):\n                v.clear()\nopen('/etc/passwd')",
    "the globals behind that frame": "try:\n    open('/etc/passwd')\nexcept PermissionError as e:\n    t = e.__traceback__\n    while t:\n        if 'safe_codeact' in t.tb_frame.f_globals.get('__name__', ''):\n            t.tb_frame.f_globals.clear()\n        t = t.tb_next\nopen('/etc/passwd')",
    "removed through an open folder": "d = os.open('.', 0)\nos.remove('../x', dir_fd=d)",
}  # fmt: skip

ORDINARY = {
    "print(open('data.txt').read())": "inside\n",
    "print(os.listdir('.'), os.listdir(workspace))": "['data.txt'] ['data.txt']\n",
    "open('a.txt', 'w').write('x')\nos.rename('a.txt', 'b.txt')\nos.remove('b.txt')\nprint(os.listdir())": "['data.txt']\n",
    "os.makedirs('a/b')\nimport shutil\nshutil.copy('data.txt', 'a/b')\nshutil.rmtree('a')\nprint(os.listdir('.'))": "['data.txt']\n",
    "import pathlib\nprint(pathlib.Path('data.txt').read_text())": "inside\n",
    "import tempfile\ntempfile.tempdir = workspace\nwith tempfile.TemporaryDirectory() as d: print(os.listdir(d))": "[]\n",
    "import linecache\nprint(len(linecache.getline(os.__file__, 1)) > 0)": "True\n",
    "import colorsys, tabnanny\nprint(tabnanny.__name__)": "tabnanny\n",
    "import collections, dataclasses\nN = collections.namedtuple('N', 'a')\n@dataclasses.dataclass\nclass C:\n    x: int\nprint(N(1), C(2))": "N(a=1) C(x=2)\n",
    "import asyncio, copy\nprint(copy.deepcopy([[1]]))": "[[1]]\n",
    "print(eval('1 + 1'), sys._getframe().f_lineno)\nexec('x = 3')\nprint(x)": "2 1\n3\n",
    "try:\n    import _not_there\nexcept ImportError as e:\n    print(e)": "No module named '_not_there'\n",
    "import logging, io, warnings\ns = io.StringIO()\nlogging.basicConfig(stream=s)\nlogging.warning('x')\nprint(s.getvalue())": "WARNING:root:x\n\n",
    "import mmap\nprint(len(mmap.mmap(-1, 10)))": "10\n",
}  # fmt: skip


def test_what_passed_the_gate_still_opens_no_file_no_process_and_no_socket() -> None:
    """Each call ends in the hook's refusal, in words that say why."""
    wanted = list(REAL_CALLS.items())
    for (source, message), result in zip(wanted, run([source for source, _ in wanted]), strict=True):
        kind = "ImportError" if message.startswith("'") and "is not available" in message else "PermissionError"
        assert (result["raised"], result["message"]) == (kind, message), source


def test_without_the_hook_the_same_calls_do_something_else() -> None:
    """The refusals above are the hook's own: CPython raises none of these messages."""
    harmless = [
        source
        for source in REAL_CALLS
        if source.startswith(("open('/etc/passwd')", "os.listdir", "import gc", "sys._"))
    ]
    assert [each["raised"] for each in run(harmless, hooked=False)] == [None] * len(harmless)


def test_the_hook_is_not_talked_out_of_it() -> None:
    """What it uses cannot be changed from its frame, and the paths that it judges are the ones that are opened."""
    results = dict(zip(AGAINST_THE_HOOK, run(list(AGAINST_THE_HOOK.values())), strict=True))
    assert {
        name: each for name, each in results.items() if each["raised"] not in ("PermissionError", "TypeError")
    } == {}


def test_ordinary_programs_do_what_they_did() -> None:
    """Files of the workspace, the library's own files and modules, and everything that touches neither."""
    assert {source: result["out"] for source, result in zip(ORDINARY, run(list(ORDINARY)), strict=True)} == ORDINARY


def test_a_read_only_workspace_is_not_written() -> None:
    """`filesystem.workspace: ro` holds in the hook as well."""
    read, written, removed = run(
        ["print(open('data.txt').read())", "open('x', 'w')", "os.remove('data.txt')"], workspace="ro"
    )
    assert read["out"] == "inside\n"
    assert (written["raised"], removed["raised"]) == ("PermissionError", "PermissionError")


@pytest.mark.parametrize("event", [*audit.REFUSED, *(f"{family}.made_up" for family in audit.FAMILIES)])
def test_every_listed_event_is_refused_whoever_raises_it(event: str) -> None:
    """Also events that a later Python adds to a refused family."""
    hook = audit.make_hook(audit.Reach((), False), "")
    with pytest.raises(PermissionError, match=event.replace(".", r"\.") + " is not available: "):
        hook(event, ())


@pytest.mark.parametrize("event", audit.PATHS)
def test_every_event_that_names_a_path_is_compared_with_the_workspace(event: str) -> None:
    """Inside it goes on, outside it does not; for each path of the event."""
    hook = audit.make_hook(audit.Reach(("/usr/lib/library",), True), "/slot")
    count = max(max(index, folder) for index, _, folder in audit.PATHS[event]) + 1
    inside = ["/slot/a"] * count
    for _, _, folder in audit.PATHS[event]:
        if folder >= 0:
            inside[folder] = -1
    hook(event, tuple(inside))
    for index, writing, _ in audit.PATHS[event]:
        for path in ["/etc/a", "../a", "/slot/../a", "/slotted", *(["/usr/lib/library/a"] if writing else [])]:
            outside = [*inside]
            outside[index] = path
            with pytest.raises(PermissionError):
                hook(event, tuple(outside))


def test_no_event_is_both_harmless_and_refused() -> None:
    """The tables say one thing about each event."""
    tables = [set(audit.HARMLESS), set(audit.REFUSED), set(audit.PATHS)]
    assert sum(map(len, tables)) == len(set().union(*tables))
