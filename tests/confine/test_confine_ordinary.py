"""Ordinary programs that go near the limits of the kernel layer work: a refusal of one of them is a defect, too."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator

import pytest

from safe_codeact import Policy, Runtime

PROGRAMS = {
    "copying a tree": "import os, shutil\nos.makedirs('a/b')\nopen('a/b/c', 'w').write('x')\nshutil.copytree('a', 'd')\nopen('d/b/c').read()",
    "copying a file": "import shutil\nopen('a', 'w').write('x')\nshutil.copy('a', 'b'), shutil.copy2('b', 'c'), shutil.copyfile('c', 'd')\nopen('d').read()",
    "moving a file": "import os, shutil\nopen('a', 'w').write('x')\nos.mkdir('f')\nshutil.move('a', 'f')\nopen('f/a').read()",
    "removing a tree": "import os, shutil\nos.makedirs('a/b/c')\nshutil.rmtree('a')\nos.listdir()",
    "an archive": "import shutil\nopen('a', 'w').write('x')\nshutil.make_archive('b', 'gztar', base_dir='a')\nimport tarfile\ntarfile.open('b.tar.gz').getnames()",
    "a zip file": "import zipfile\nwith zipfile.ZipFile('a.zip', 'w') as z: z.writestr('x', 'y')\nzipfile.ZipFile('a.zip').read('x')",
    "temporary files": "import tempfile\nwith tempfile.TemporaryFile('w+') as f:\n    f.write('x'); f.seek(0)\n    text = f.read()\n"
    "with tempfile.TemporaryDirectory(dir='.') as d, tempfile.NamedTemporaryFile('w', dir=d) as g: g.write('x')\ntext",
    "a database": "import sqlite3\nc = sqlite3.connect('a.db')\nc.execute('create table t (a)')\nc.execute('insert into t values (1)')\nc.commit()\nc.close()\n"
    "sqlite3.connect('a.db').execute('select a from t').fetchall()",
    "a database in memory": "import sqlite3\nsqlite3.connect(':memory:').execute('select 1').fetchall()",
    "an atomic write": "import os\nopen('a.tmp', 'w').write('x')\nos.replace('a.tmp', 'a')\nopen('a').read()",
    "a file made durable": "import os\nf = open('a', 'w')\nf.write('x')\nf.flush()\nos.fsync(f.fileno())\nopen('a').read()",
    "a file truncated": "f = open('a', 'w+')\nf.write('xyz')\nf.truncate(1)\nf.close()\nopen('a').read()",
    "touching": "import pathlib\np = pathlib.Path('a')\np.touch(); p.touch()\np.exists()",
    "a file mapped": "import mmap\nopen('a', 'wb').write(b'xyz')\nwith open('a', 'rb') as f: m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ if 0 else mmap.ACCESS_COPY)\nm[:]",
    "locks": "import threading, queue\nl = threading.RLock()\nwith l: pass\ne = threading.Event(); e.set(); e.wait(1)\nq = queue.Queue(); q.put(1); q.get(timeout=1)",
    "a lock that is waited for": "import threading\nl = threading.Lock(); l.acquire()\nl.acquire(timeout=0.01)",
    "an event loop": "import asyncio\nasync def f(n):\n    await asyncio.sleep(0.001)\n    return n\nasync def main(): return await asyncio.gather(f(1), f(2))\nasyncio.run(main())",
    "random bytes": "import os, uuid, secrets\nlen(os.urandom(8)) + len(secrets.token_bytes(8)) + len(uuid.uuid4().bytes)",
    "a large block": "x = bytearray(64 << 20)\nx[-1]",
    "a list that grows and shrinks": "x = list(range(10**6))\ndel x[10:]\nx * 2",
    "a real path": "import os\nos.path.basename(os.path.realpath('.'))",
    "signals of its own": "import signal\nold = signal.signal(signal.SIGUSR1, lambda *_: None)\nold is not None",
    "libraries of C": "import ctypes\nctypes.CDLL(None).abs(-3)",
    "a program that is asked for politely": "import subprocess\ntry: subprocess.run(['true'])\nexcept PermissionError as error: said = type(error).__name__\nsaid",
    "a thread that is asked for politely": "import threading\ntry: threading.Thread(target=print).start()\nexcept RuntimeError as error: said = type(error).__name__\nsaid",
    "an address that is asked for politely": "import socket\ntry: socket.create_connection(('127.0.0.1', 9))\nexcept PermissionError as error: said = type(error).__name__\nsaid",
}  # fmt: skip
_EVERY_MODULE = """
import importlib, sys, warnings
warnings.simplefilter("ignore")
failed = set()
for name in sorted(sys.stdlib_module_names - {"antigravity", "idlelib", "this"}):
    try:
        importlib.import_module(name)
    except ImportError:
        failed.add(name)
sorted(failed)
"""
# What a worker has no use for: terminals, windows, sound cards, password files, and the installers and testers of Python itself.
_NOT_INSIDE = {
    "_curses", "_curses_panel", "curses", "readline", "nis", "spwd", "ossaudiodev", "_tkinter", "tkinter", "turtle", "turtledemo",
    "distutils", "ensurepip", "lib2to3", "pydoc_data", "venv",
}  # fmt: skip


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    policy = Policy.from_dict({
        "version": 1, "name": "ordinary", "extends": "strict", "language": {"restricted": False},
        "filesystem": {"workspace": "rw"}, "limits": {"workspace_mb": 64, "workspace_files": 100},
    })  # fmt: skip
    with Runtime(policy) as made:
        yield made


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_ordinary_program_works(name: str, runtime: Runtime) -> None:
    """Its own exception or none, never the kernel's."""
    observation = runtime.session().run(PROGRAMS[name])
    assert observation.outcome == "completed", observation.text
    assert observation.value is not None or name == "locks"


@pytest.mark.parametrize("namespaces", ["preferred", "off"])
def test_the_whole_standard_library_is_imported_late_where_nothing_is_restricted(namespaces: str) -> None:
    """As by a bare interpreter, and under a root folder of the worker's own as without: what was not loaded before is found."""
    bare = subprocess.run(
        [sys.executable, "-P", "-c", _EVERY_MODULE + "print(sorted(failed))"],
        capture_output=True,
        check=True,
        timeout=120,
    )
    policy = Policy.from_dict({
        "version": 1, "name": "late", "extends": "strict", "language": {"restricted": False},
        "isolation": {"namespaces": namespaces}, "limits": {"wall_seconds": 100, "cpu_seconds": 100},
    })  # fmt: skip
    with Runtime(policy) as made:
        observation = made.session().run(_EVERY_MODULE)
    assert observation.outcome == "completed", observation.text
    assert observation.value is not None
    assert set(ast.literal_eval(observation.value)) - set(ast.literal_eval(bare.stdout.decode())) <= _NOT_INSIDE
