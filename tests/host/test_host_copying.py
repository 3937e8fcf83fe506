"""What ordinary programs do to the files of earlier turns: they need not notice that those are read-only for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from safe_codeact import Policy, Runtime

# What is done in three turns, and what the last one shows.
GATED = {
    "append": ("_ = open('f', 'w').write('a')", "_ = open('f', 'a').write('b')", "open('f').read()", "'ab'"),
    "patch": (
        "_ = open('f', 'w').write('abc')", "with open('f', 'r+b') as f:\n    f.seek(1)\n    f.write(b'X')",
        "open('f').read()", "'aXc'",
    ),
    "overwrite": (
        "_ = open('f', 'w').write('abc')", "with open('f', 'w+') as f: f.write('X')", "open('f').read()", "'X'",
    ),
    "pathlib": (
        "from pathlib import Path\n_ = Path('f').write_text('abc')", "_ = Path('f').write_text('d')\nPath('f').touch()",
        "Path('f').read_text()", "'d'",
    ),
    "json": (
        "import json\njson.dump({'a': 1}, open('f', 'w'))", "json.dump({'b': 1}, open('f', 'w'))", "json.load(open('f'))",
        "{'b': 1}",
    ),
    "pandas": (
        "import pandas as pd\ndf = pd.DataFrame({'a': [1]})\nfor name in ('f.csv', 'f.csv.gz'): df.to_csv(name, index=False)",
        "df.to_csv('f.csv', mode='a', header=False, index=False)\ndf.to_csv('f.csv.gz')\ndf.to_json('f.json')",
        "open('f.csv').read(), pd.read_csv('f.csv.gz').shape", r"('a\n1\n1\n', (1, 2))",
    ),
    "matplotlib": (
        "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.savefig('p.png'); plt.savefig('p.pdf')\nplt.close()",
        "plt.plot([2, 3])\nplt.savefig('p.png'); plt.savefig('p.pdf')\nplt.close()",
        "open('p.png', 'rb').read()[:4], open('p.pdf', 'rb').read()[:4]", r"(b'\x89PNG', b'%PDF')",
    ),
    "shutil": (
        "import os, shutil\nfor name in 'ab': _ = open(name, 'w').write(name)",
        "shutil.copy('a', 'b'); shutil.copyfile('a', 'b'); _ = shutil.copy2('a', 'c')",
        "_ = shutil.move('a', 'b')\nopen('b').read(), sorted(os.listdir())", "('a', ['b', 'c'])",
    ),
    "replace": (
        "import os\nfor name in 'ab': _ = open(name, 'w').write(name)", "os.replace('a', 'b')",
        "_ = open('b', 'a').write('+')\nopen('b').read(), os.listdir()", "('a+', ['b'])",
    ),
    "tempfile": (
        "import os, tempfile\nwith tempfile.NamedTemporaryFile('w', dir='.', delete=False) as f: _ = f.write('x')\n"
        "name = os.path.basename(f.name)", "_ = open(name, 'a').write('y')", "open(name).read()", "'xy'",
    ),
    "numpy": (
        "import numpy as np\nnp.save('a.npy', np.arange(3)); np.savez('a.npz', a=np.arange(3)); np.savetxt('a.txt', [1])",
        "np.save('a.npy', np.load('a.npy', mmap_mode='c') * 2); np.savez('a.npz', a=np.arange(4)); np.savetxt('a.txt', [2])",
        "np.load('a.npy').tolist(), np.load('a.npz')['a'].tolist(), np.loadtxt('a.txt').tolist()",
        "([0, 2, 4], [0, 1, 2, 3], 2.0)",
    ),
    "exclusive": (
        "_ = open('f', 'w').write('1')", "try: open('f', 'x')\nexcept FileExistsError: print('there')", "open('f').read()", "'1'",
    ),
    "csv": (
        "import csv\nwith open('f', 'w', newline='') as f: _ = csv.writer(f).writerow([1])",
        "with open('f', 'a', newline='') as f: csv.writer(f).writerow([2])", "open('f').read().split()", "['1', '2']",
    ),
    "asked": (
        "import os\n_ = open('f', 'w').write('1')", "_ = 1",
        "os.access('f', os.W_OK), os.access('f', os.R_OK | os.W_OK), os.access('f', os.X_OK), os.access('g', os.W_OK)",
        "(True, True, False, False)",
    ),
    "closed folder": (
        "import os\nos.makedirs('a/b', mode=0o500)", "_ = open('a/b/f', 'w').write('1')", "open('a/b/f').read()", "'1'",
    ),
}  # fmt: skip
NATIVE = {
    "descriptors": (
        "import os\n_ = open('f', 'w').write('abc')", "fd = os.open('f', os.O_RDWR); os.write(fd, b'X'); os.close(fd)",
        "open('f').read()", "'Xbc'",
    ),
    "relative": (
        "import os\nos.mkdir('d')\nfor name in ('d/f', 'f'): _ = open(name, 'w').write(name)",
        "os.chdir('d')\n_ = open('f', 'a').write('+')", "open('d/f').read(), open('f').read()", "('d/f+', 'f')",
    ),
    "another file's opener": (
        "import os\nos.mkdir('d')\nfor name in ('d/f', 'f'): _ = open(name, 'w').write(name)",
        "d = os.open('d', os.O_RDONLY)\nfor flags in (os.O_WRONLY | os.O_TRUNC, os.O_RDWR):\n"
        "    try: os.open('f', flags, dir_fd=d)\n    except PermissionError as error: print(error)\n"
        "with open('f', 'w', opener=lambda _path, flags: os.open('new', flags, 0o600)) as g: _ = g.write('new')\ndel g",
        "open('d/f').read(), open('f').read(), open('new').read()", "('d/f', 'f', 'new')",
    ),
    "sqlite": (
        "import sqlite3\nwith sqlite3.connect('d.db') as c: _ = c.execute('create table t (a)')\nc.close(); del c",
        "c = sqlite3.connect('file:d.db?mode=rw', uri=True)\nc.execute('insert into t values (1)'); c.commit(); c.close(); del c",
        "c = sqlite3.connect('d.db')\nfound = c.execute('select * from t').fetchall()\nc.close(); del c\nfound", "[(1,)]",
    ),
    "sqlite by pandas": (
        "import sqlite3\nimport pandas as pd\nc = sqlite3.connect('d.db')\n_ = pd.DataFrame({'a': [1]}).to_sql('t', c)\nc.close(); del c",
        "c = sqlite3.connect('d.db')\n_ = pd.DataFrame({'a': [2]}).to_sql('t', c, if_exists='append')\nc.close(); del c",
        "c = sqlite3.connect('d.db')\nfound = len(pd.read_sql('select * from t', c))\nc.close(); del c\nfound", "2",
    ),
    "archives": (
        "import tarfile, zipfile\n_ = open('a', 'w').write('a')\nwith zipfile.ZipFile('z', 'w') as z: z.write('a')\n"
        "with tarfile.open('t', 'w') as t: t.add('a')\ndel z, t",
        "with zipfile.ZipFile('z', 'a') as z: z.write('a', 'b')\nwith tarfile.open('t', 'a') as t: t.add('a', 'b')\ndel z, t",
        "zipfile.ZipFile('z').namelist(), tarfile.open('t').getnames()", "(['a', 'b'], ['a', 'b'])",
    ),
    "logging": (
        "import logging\n_ = open('l', 'w').write('start ')",
        "h = logging.FileHandler('l'); logging.getLogger('q').addHandler(h); logging.getLogger('q').warning('on'); h.close()\n"
        "logging.getLogger('q').removeHandler(h); del h",
        "open('l').read()", r"'start on\n'",
    ),
    "pickle": (
        "import pickle\nwith open('p', 'wb') as f: pickle.dump(1, f)", "with open('p', 'wb') as f: pickle.dump(2, f)",
        "pickle.load(open('p', 'rb'))", "2",
    ),
    "in place": (
        "import fileinput\n_ = open('f', 'w').write('a')", "for line in fileinput.input('f', inplace=True): print(line.upper(), end='')",
        "open('f').read()", "'A'",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def gated() -> Iterator[Runtime]:
    with Runtime("analysis", standby=1) as made:
        yield made


@pytest.fixture(scope="module")
def unrestricted() -> Iterator[Runtime]:
    with Runtime("unrestricted", standby=1) as made:
        yield made


def _agrees(runtime: Runtime, turns: tuple[str, ...]) -> None:
    *sources, expected = turns
    with runtime.session() as session:
        for source in sources:
            observation = session.run(source)
            assert observation.outcome == "completed", observation.text
        assert observation.value == expected


@pytest.mark.parametrize("turns", GATED.values(), ids=GATED.keys())
def test_an_ordinary_program_writes_to_the_files_of_earlier_turns(gated: Runtime, turns: tuple[str, ...]) -> None:
    _agrees(gated, turns)


@pytest.mark.parametrize(
    "turns",
    [*(turns for name, turns in GATED.items() if name != "asked"), *NATIVE.values()],
    ids=[*(name for name in GATED if name != "asked"), *NATIVE.keys()],
)
def test_any_python_writes_to_the_files_of_earlier_turns(unrestricted: Runtime, turns: tuple[str, ...]) -> None:
    _agrees(unrestricted, turns)


def test_ten_thousand_appends_copy_once(gated: Runtime) -> None:
    with gated.session() as session:
        session.files.write("f.csv", b"a\n")
        many = (
            "import os\ninodes = set()\nfor n in range(10_000):\n    with open('f.csv', 'a') as f: f.write('x\\n')\n"
            "    inodes.add(os.stat('f.csv').st_ino)\nlen(inodes), os.path.getsize('f.csv')"
        )
        assert session.run(many).value == "(1, 20002)"


def test_a_large_file_is_copied_within_the_quota() -> None:
    """It is there twice for a moment, and counts once: the version holds the other one whatever the action does."""
    size = (32 << 20) - 100
    limits = {"workspace_mb": 32, "workspace_files": 1}
    policy = {"version": 1, "extends": "strict", "filesystem": {"workspace": "rw"}, "limits": limits}
    with Runtime(Policy.from_dict(policy), standby=1) as runtime, runtime.session() as session:
        session.files.write("large", bytes(size))
        held: Any = session.run("with open('large', 'r+b') as f: f.write(b'x')\nimport time\ntime.sleep(0.1)")
        assert held.outcome == "completed", held.text
        assert session.files.read("large")[:2] == b"x\0"
        assert session.run("open('large', 'ab').write(bytes(200))").outcome == "workspace_exceeded"
        assert len(session.files.read("large")) == size
