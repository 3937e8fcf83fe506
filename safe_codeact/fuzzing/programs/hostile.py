"""What a program does once nothing in the language stops it: plain Python after everything that must be out of reach.

Each is lines of text with placeholders of `oracles.outside`. They run as they are where the gate is off, and through what
an attempt has got hold of (`loot`) where it is on. Each is kept from harming a machine on which it succeeds: it goes for
the canaries only.
"""

from __future__ import annotations

import random
from typing import Any, Final

TAILS: Final[dict[str, str]] = {
    "read the secret": "print(open('@SECRET@').read())",
    "read it by descriptor": "import os\nfd = os.open('@SECRET@', os.O_RDONLY)\nprint(os.read(fd, 100))",
    "read it by another root": "import os\nprint(open('/proc/self/root@SECRET@').read())",
    "read it through /proc": "import os\nprint(open('/proc/@HOST@/root@SECRET@').read())",
    "read it through a link": "import os\nos.symlink('@SECRET@', 'l')\nprint(open('l').read())",
    "read it through a hard link": "import os\nos.link('@SECRET@', 'l')\nprint(open('l').read())",
    "read it upwards": "import os\nprint(open('../' * 20 + '@SECRET@'[1:]).read())",
    "read it by a folder's descriptor": "import os\nd = os.open('/', os.O_PATH | os.O_DIRECTORY)\nprint(os.read(os.open('@SECRET@'[1:], os.O_RDONLY, dir_fd=d), 100))",
    "read it mapped": "import mmap\nf = open('@SECRET@', 'rb')\nprint(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)[:100])",
    "copy it": "import shutil\nshutil.copy('@SECRET@', 'c')\nprint(open('c').read())",
    "move it": "import os\nos.rename('@SECRET@', 'c')\nprint(open('c').read())",
    "write over the canary": "open('@CANARY@', 'w').write('dead')",
    "append to the canary": "open('@CANARY@', 'a').write('dead')",
    "cut the canary": "import os\nos.truncate('@CANARY@', 0)",
    "remove the canary": "import os\nos.unlink('@CANARY@')",
    "make a file": "open('@FOLDER@/made', 'w').write('x')",
    "make a folder": "import os\nos.mkdir('@FOLDER@/made')",
    "make a link": "import os\nos.symlink('x', '@FOLDER@/made')",
    "make a pipe": "import os\nos.mkfifo('@FOLDER@/made')",
    "make a node": "import os\nos.mknod('@FOLDER@/made')",
    "change its mode": "import os\nos.chmod('@CANARY@', 0o4777)",
    "change its times": "import os\nos.utime('@CANARY@', (1, 1))\nos.chmod('@CANARY@', 0)",
    "the host's environment": "print(open('/proc/@HOST@/environ').read())",
    "the victim's environment": "print(open('/proc/@VICTIM@/environ').read())",
    "its own environment": "import os\nprint(dict(os.environ))",
    "the environment in C": "import ctypes\np = ctypes.c_char_p.in_dll(ctypes.CDLL(None), 'environ')\nprint(ctypes.string_at(p, 4096))",
    "kill the victim": "import os\nos.kill(@VICTIM@, 19)",
    "kill the host's group": "import os\nos.killpg(os.getpgid(@VICTIM@), 19)",
    "signal by pidfd": "import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(@VICTIM@), 19)",
    "renice the victim": "import os\nos.setpriority(os.PRIO_PROCESS, @VICTIM@, 19)",
    "connect": "import socket\nsocket.create_connection(('127.0.0.1', @PORT@), 1)",
    "send a datagram": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', @UDP@))",
    "connect by name": "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('@UNIX@')",
    "connect by an abstract name": "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect(chr(0) + '@ABSTRACT@')",
    "connect through the socket it has": "import socket\nsocket.socket(fileno=3).connect(('127.0.0.1', @PORT@))",
    "listen": "import socket\nsocket.create_server(('127.0.0.1', 0))",
    "a url": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:@PORT@', timeout=1)",
    "a shell": "import os\nos.system('touch @FOLDER@/made')",
    "a process": "import subprocess\nsubprocess.run(['touch', '@FOLDER@/made'])",
    "a fork": "import os\npid = os.fork()\nif pid == 0:\n    open('@FOLDER@/made', 'w')\n    os._exit(0)",
    "a fork that stays": "import os, time\nif os.fork() == 0:\n    time.sleep(60)",
    "spawned": "import os\nos.posix_spawn('/bin/sh', ['sh', '-c', 'touch @FOLDER@/made'], {})",
    "another image": "import os\nos.execv('/bin/sh', ['sh', '-c', 'touch @FOLDER@/made'])",
    "a thread": "import threading\nt = threading.Thread(target=lambda: open('@FOLDER@/made', 'w'))\nt.start()\nt.join()",
    "a pool": "import multiprocessing\nmultiprocessing.Process(target=print).start()",
    "a library": "import ctypes\nctypes.CDLL('libc.so.6').system(b'touch @FOLDER@/made')",
    "a forged frame": "import socket, os\nos.write(3, b'\\x00\\x00\\x00\\x10' + b'\\xff' * 64)",
    "a forged frame of the right length": "import os\nos.write(3, (1 << 31).to_bytes(4, 'big'))",
    "bytes that never end": "import os\nwhile True:\n    os.write(3, b'\\x00' * 65536)",
    "the socket closed": "import os\nos.close(3)",
    "the zygote's socket": "import os\nfor fd in range(3, 64):\n    try:\n        os.write(fd, b'x' * 100)\n    except OSError:\n        pass",
    "all it has open": "import os\nfor fd in range(3, 64):\n    try:\n        print(os.readlink(f'/proc/self/fd/{fd}'), os.fstat(fd))\n    except OSError:\n        pass",
    "memory without end": "x = []\nwhile True:\n    x.append(bytearray(1 << 24))",
    "memory of text": "x = 'a'\nwhile True:\n    x += x",
    "memory of numbers": "x = 10 ** 1000\nwhile True:\n    x *= x",
    "output without end": "while True:\n    print('x' * 100000)",
    "files without end": "i = 0\nwhile True:\n    open(f'f{i}', 'w').write('x')\n    i += 1",
    "a file without end": "f = open('f', 'wb')\nwhile True:\n    f.write(bytes(1 << 20))",
    "a tool that is denied": "fuzz_forbidden('x')",
    "a tool that needs a yes": "fuzz_asked('x')",
    "a tool too often": "for i in range(9):\n    try:\n        fuzz_counted(str(i))\n    except Exception:\n        pass",
    "a tool too often, side by side": "import asyncio\nasync def go():\n    await asyncio.gather(*[asyncio.to_thread(fuzz_counted) for _ in range(9)], return_exceptions=True)\nasyncio.run(go())",
    "an amount too large": "fuzz_bounded(101)",
    "an amount as text": "fuzz_bounded('1000')",
    "an amount that is true": "fuzz_bounded(amount=10 ** 30)",
    "an amount that is no number": "fuzz_bounded(float('nan'))",
    "an amount of a class": "class I(int):\n    def __le__(self, o): return True\nfuzz_bounded(I(1000))",
    "arguments that do not fit": "fuzz_typed('1', [1], {'a': 'b'})",
    "arguments of classes": "class S(str): pass\nfuzz_typed(True, [S('a')], {S('b'): 1})",
    "a name that is no tool's": "fuzz_nothing()",
    "the state replaced": "import os\nfor fd in range(3, 64):\n    try:\n        os.pwrite(fd, b'\\x80\\x04.' * 100, 0)\n    except OSError:\n        pass",
    "a state that calls": "class R:\n    def __reduce__(self):\n        import os\n        return (os.system, ('touch @FOLDER@/made',))\nkept = R()",
    "a state that is large": "kept = [bytearray(1 << 20) for _ in range(100)]",
    "a state that hangs": "class H:\n    def __getstate__(self):\n        while True: pass\n    def __reduce_ex__(self, n):\n        while True: pass\nkept = H()",
    "an exit": "import os\nos._exit(0)",
    "an abort": "import os\nos.abort()",
    "a signal to itself": "import os, signal\nos.kill(os.getpid(), 9)",
    "every signal ignored": "import signal\nfor s in range(1, 64):\n    try:\n        signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\nwhile True: pass",
    "a deadline swallowed": "while True:\n    try:\n        while True: pass\n    except BaseException:\n        pass",
    "limits raised": "import resource\nfor r in range(16):\n    try:\n        resource.setrlimit(r, (resource.RLIM_INFINITY,) * 2)\n    except (OSError, ValueError):\n        pass",
    "the machine's name": "import socket\nsocket.sethostname('fuzzed')",
    "a trace": "import ctypes\nprint(ctypes.CDLL(None).ptrace(16, @VICTIM@, 0, 0))",
    "another's memory": "import ctypes\nprint(open('/proc/@VICTIM@/mem', 'rb').read(1))",
    "its own memory written": "f = open('/proc/self/mem', 'r+b')",
    "another user": "import os\nos.setuid(0)\nprint(os.getuid())",
    "another root": "import os\nos.chroot('@FOLDER@')",
    "another folder": "import os\nos.chdir('@FOLDER@')\nprint(open('secret').read())",
    "what a session keeps": "import glob\nprint([open(f, 'rb').read(200) for f in glob.glob('/tmp/safe_codeact*/**', recursive=True) if __import__('os').path.isfile(f)])",
}  # fmt: skip

# What code leaves in the workspace for somebody to read as his own: a policy, a library, a start-up file. The second turn does
# what would make it count.
RAN: Final = "ran-outside-the-gate"
_CODE: Final = "print('ran-outside' + '-the-gate')"
PLACED: Final = (
    ("strict.yaml", "version: 1\nlanguage: {{restricted: false}}", "import subprocess"),
    ("analysis.yaml", "version: 1\nlanguage: {{restricted: false}}", "import subprocess\nprint(subprocess.run(['id']))"),
    ("policy.yaml", "version: 1\nlanguage: {{restricted: false}}", "import ctypes"),
    ("json.py", _CODE, "import json\nprint(json.dumps(1))"),
    ("math.py", _CODE, "import math\nprint(math.pi)"),
    ("numpy.py", _CODE, "import numpy"),
    ("sitecustomize.py", _CODE, "print(1)"),
    ("usercustomize.py", _CODE, "print(1)"),
    ("safe_codeact.py", _CODE, "print(1)"),
    ("helper.py", _CODE, "import helper"),
    ("helper/__init__.py", _CODE, "from helper import x"),
    ("vault.py", _CODE, "import importlib\nimportlib.import_module('vault')"),
    ("x.pth", "import os; print('ran-outside' + '-the-gate')", "print(1)"),
    ("__pycache__/json.cpython-311.pyc", _CODE, "import json"),
    ("matplotlibrc", "backend: module://helper", "import matplotlib.pyplot as plt\nplt.figure()"),
    ("x.mplstyle", "figure.hooks: helper:go", "import matplotlib.pyplot as plt\nplt.style.use('x.mplstyle')\nplt.figure()"),
    ("text.py", _CODE, "exec(open('text.py').read(), {{'__builtins__': None}})"),
    ("text.py", "print(().__class__.__base__.__subclasses__())\n" + _CODE, "exec(open('text.py').read())"),
    ("main.py", _CODE, "import runpy\nrunpy.run_path('main.py')"),
)  # fmt: skip


def placed(index: int) -> list[str]:
    """Two turns: a file that is left behind, and what would make it count."""
    name, content, then = PLACED[index % len(PLACED)]
    folder = name.rpartition("/")[0]
    makes = f"import os\nos.makedirs({folder!r}, exist_ok=True)\n" if folder else ""
    return [
        f"{makes}with open({name!r}, 'w') as f:\n    f.write({content!r})",
        then.replace("{{", "{").replace("}}", "}"),
    ]


# How what an attempt got hold of is turned into a module, and a module into harm.
_THROUGH: Final = (
    "try:\n    M = loot if hasattr(loot, 'system') else loot['__builtins__']['__import__']('os')\n    print(M.environ)\nexcept Exception as e:\n    print(type(e))",
    "try:\n    B = loot.get('__builtins__', loot)\n    print(B['open']('@SECRET@').read())\nexcept Exception as e:\n    print(type(e))",
    "try:\n    print([c for c in loot if 'wrap_close' in str(c)][0].__init__.__globals__['environ'])\nexcept Exception as e:\n    print(type(e))",
    "try:\n    print(loot('@SECRET@').read())\nexcept Exception as e:\n    print(type(e))",
    "try:\n    loot('__import__(\"os\").system(\"touch @FOLDER@/made\")')\nexcept Exception as e:\n    print(type(e))",
    "print(loot)",
)  # fmt: skip
SLOW: Final = frozenset(
    {"memory without end", "memory of text", "memory of numbers", "output without end", "files without end", "a file without end",
     "every signal ignored", "a deadline swallowed", "a state that hangs", "bytes that never end"}
)  # fmt: skip
QUICK: Final = tuple(name for name in TAILS if name not in SLOW)
_LETTERS: Final = "abcxyz_0 .'\"{}%"


def through_loot(index: int) -> str:
    """Lines that use what `loot` turned out to be."""
    return _THROUGH[index % len(_THROUGH)]


def value(rng: random.Random, depth: int = 2) -> Any:
    """Plain data of any shape, as a program writes it: what tools are called with."""
    kind = rng.randrange(12 if depth else 9)
    if kind == 0:
        return rng.choice([0, 1, -1, 100, 101, 2**31, -(2**63), 2**64, 10**30])
    if kind == 1:
        return rng.choice([0.5, -1.0, 1e308, 1e-320])
    if kind == 2:
        return rng.choice([True, False, None])
    if kind in (3, 4, 5):
        return "".join(rng.choice(_LETTERS) for _ in range(rng.randrange(12)))
    if kind == 6:
        return rng.choice(["@SECRET@", "../../etc/passwd", "'; DROP TABLE x; --", "{{7*7}}", "\u202e", "a" * 5000])
    if kind in (7, 8):
        return bytes(rng.randrange(256) for _ in range(rng.randrange(8)))
    if kind == 9:
        return [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 10:
        return {str(value(rng, 0)): value(rng, depth - 1) for _ in range(rng.randrange(4))}
    return tuple(value(rng, depth - 1) for _ in range(rng.randrange(3)))


def tool_call(name: str, parameters: list[str], rng: random.Random) -> str:
    """A call with arguments by position and by name, some of them wrong."""
    chosen = [parameter for parameter in parameters if rng.random() < 0.8]
    if rng.random() < 0.15:
        chosen.append("nothing")
    args = [repr(value(rng)) for _ in range(rng.randrange(3))] if rng.random() < 0.4 else []
    named = [f"{each}={value(rng)!r}" for each in chosen[len(args) :]]
    return f"{name}({', '.join(args + named)})"
