"""Facades, the importer and the stand-ins, from both sides: what works, and what is said where something does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from modules_driver import run

from safe_codeact.guest.modules.files import Place
from safe_codeact.guest.namespace.settings import Settings
from safe_codeact.policy.effective import Policy
from safe_codeact.policy.knowledge import DENIED

_HIDDEN = [
    (module, name) for module, names in DENIED.items() if module in {line.module for line in Policy.load("strict").language.imports} for name in names
]  # fmt: skip

# Program → (type, message) of what it raises, under `analysis`.
REFUSALS = {
    "import sympy\nsympy.foo": ("AttributeError", "module 'sympy' has no attribute 'foo'"),
    "import json\njson.foo": ("AttributeError", "module 'json' has no attribute 'foo'"),
    "import math\nmath.foo": ("AttributeError", "module 'math' has no attribute 'foo'"),
    "from sympy import arctan": ("ImportError", "cannot import name 'arctan' from 'sympy' (unknown location). Did you mean: atan, atanh, atan2?"),
    "from fractions import gcd": ("ImportError", "cannot import name 'gcd' from 'fractions' (unknown location)"),
    "import sys\nsys.exit(3)": ("SystemExit", "3"),
    "input('n? ')": ("EOFError", "input() has nobody to ask here: assign the value in the code, e.g. `n = 5` instead of `n = int(input())`"),
    "open('/etc/passwd')": ("PermissionError", "'/etc/passwd' is outside the workspace. Files live in the workspace, WORKSPACE; a relative path such as 'data.csv' is inside it."),
    "open('../x', 'w')": ("PermissionError", "'../x' is outside the workspace. Files live in the workspace, WORKSPACE; a relative path such as 'data.csv' is inside it."),
    "open(3)": ("PermissionError", "3 is a file descriptor; an action opens files by their path."),
    "import os\nos.walk('.', followlinks=True)": ("PermissionError", "os.walk follows no links here; leave followlinks out."),
    "import os\nos.environ['HOME']": ("KeyError", "'HOME'"),
    "from pathlib import Path\nPath('x').chmod(0)": ("PermissionError", "Path.chmod is not available: links, owners and modes of files are not an action's to see or change."),
    "import glob\nglob.glob('../*')": ("PermissionError", "The pattern '../*' leads upwards; search from a folder of the workspace downwards."),
    "import logging\nlogging.basicConfig(filename='x.log')": ("PermissionError", "logging writes to streams here, not to files. Leave out filename, or print to an open file."),
    "import timeit\ntimeit.timeit('1 + 1')": ("PermissionError", "timeit takes a function as its statement, not source text: no gate has read the text. Write timeit.timeit(lambda: f(x), number=1000)."),
    "import types\ntypes.FunctionType(1, {})": ("PermissionError", "types.FunctionType makes nothing here; it can be asked about with isinstance."),
    "import ast\nast.literal_eval(1)": ("PermissionError", "ast.literal_eval takes text here, not a int object: an action has no syntax trees."),
    "import inspect\ninspect.get_annotations(len, eval_str=True)": ("PermissionError", "get_annotations evaluates no text here; typing.get_type_hints(obj) does."),
    "import functools\nfunctools.update_wrapper(lambda: 0, len, ['__self__'])": ("ActionRefused", None),
    "import pandas as pd\npd.DataFrame({'a': [1]}).to_pickle('x')": ("ActionRefused", "DataFrame.to_pickle is not available: loading a pickle runs code; keep the value in a variable, or use to_csv, to_json or to_parquet."),
    "import pandas as pd\npd.read_csv('https://example.org/a.csv')": ("ActionRefused", "reading from an address is not available: an action has no network; let a tool of the host fetch it and read the result."),
    "import numpy as np\nnp.ones(2).ctypes": ("ActionRefused", "ndarray.ctypes is not available: it gives raw addresses. Use the array's own methods."),
    "import matplotlib\nmatplotlib.use('TkAgg')\nimport matplotlib.pyplot as plt\nplt.figure()": ("ImportError", None),
}  # fmt: skip

# Programs whose last expression is true, under `analysis`.
CLAIMS = {
    "an import inside a function is a facade": "def f():\n    import random\n    return random\nnot hasattr(f(), '_os') and f().choice([1]) == 1",
    "a star import binds what the module exports": "from math import *\nsqrt(pi) > 1",
    "a star import brings no private name and no module": "from random import *\nnot any(n.startswith('_') and n[1:2] != '_' for n in globals()) and 'os' not in globals()",
    "a dotted import binds the top": "import os.path\nos.path.join('a', 'b') == 'a/b'",
    "a dotted import with a name binds the end": "import matplotlib.pyplot as plt\nplt.__name__ == 'matplotlib.pyplot'",
    "a submodule is an attribute of its parent": "import numpy as np, scipy\nnp.linalg.norm([3, 4]) == 5.0 and scipy.stats is not None",
    "two imports give one module": "import numpy\nimport numpy as np\nnp is numpy",
    "C code that imports gets its module": "from datetime import datetime\ndatetime.strptime('2024', '%Y').year == 2024",
    "stdout of sys is the action's": "import sys, io\nb = io.StringIO()\nold, sys.stdout = sys.stdout, b\nsys.stdout = old\nTrue",
    "a redirection moves print and sys.stdout": "import contextlib, io, sys\nb = io.StringIO()\nwith contextlib.redirect_stdout(b):\n    print('a')\n    sys.stdout.write('b')\nb.getvalue() == 'a\\nb'",
    "isinstance works on the types that types shows": "import types\nisinstance(len, types.BuiltinFunctionType) and isinstance((x for x in ()), types.GeneratorType) and type(lambda: 0) == types.FunctionType",
    "the environment is an empty mapping": "import os\ndict(os.environ) == {} and os.getenv('PATH', 'none') == 'none'",
    "a folder of the workspace is listed": "import os\nos.makedirs('a/b', exist_ok=True)\nos.listdir('a') == ['b']",
    "a path is a Path": "import pathlib\nisinstance(pathlib.Path('a') / 'b', pathlib.Path) and repr(pathlib.Path('a')) == \"PosixPath('a')\"",
    "a traceback is text": "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    t = traceback.format_exc()\n'ZeroDivisionError: division by zero' in t and 'safe_codeact' not in t",
    "two workers draw different numbers": "import random, numpy as np\nrandom.random() != 0.5 and np.random.rand() != 0.5",
    "figures left open are shown": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nTrue",
    "a module is shown as a module": "import sympy, math\nstr(sympy)[:8] == '<module ' and str(math)[:8] == '<module '",
    "dir names nothing private": "import random\nall(not n.startswith('_') or n.startswith('__') for n in dir(random)) and 'randint' in dir(random)",
}  # fmt: skip

LOOP = {
    "tasks run in order and results are gathered": "import asyncio\nlog = []\nasync def f(n):\n    log.append(n)\n    await asyncio.sleep(0)\n    log.append(-n)\n    return n\nasync def main():\n    return await asyncio.gather(f(1), f(2))\nasyncio.run(main()) == [1, 2] and log == [1, 2, -1, -2]",
    "a top-level await": "import asyncio\nawait asyncio.sleep(0)\nTrue",
    "a timeout": "import asyncio\nasync def main():\n    try:\n        await asyncio.wait_for(asyncio.sleep(100), 0.01)\n    except asyncio.TimeoutError:\n        return True\nasyncio.run(main())",
    "locks, events and queues": "import asyncio\nasync def main():\n    e, q = asyncio.Event(), asyncio.Queue(1)\n    async def put():\n        await e.wait()\n        await q.put(5)\n    t = asyncio.create_task(put())\n    async with asyncio.Lock():\n        e.set()\n    return await q.get() == 5 and await t is None\nasyncio.run(main())",
    "a task group": "import asyncio\nasync def one(): return 1\nasync def main():\n    async with asyncio.TaskGroup() as g:\n        t = g.create_task(one())\n    return t.result() == 1\nasyncio.run(main())",
    "a function in a thread runs at once": "import asyncio\nasync def main():\n    return await asyncio.to_thread(lambda: 7)\nasyncio.run(main()) == 7",
    "cancellation": "import asyncio\nasync def main():\n    t = asyncio.create_task(asyncio.sleep(100))\n    await asyncio.sleep(0)\n    t.cancel()\n    try:\n        await t\n    except asyncio.CancelledError:\n        return t.cancelled()\nasyncio.run(main())",
    "async generators": "import asyncio\nasync def g():\n    for i in range(3):\n        yield i\nasync def main(): return [i async for i in g()]\nasyncio.run(main()) == [0, 1, 2]",
}  # fmt: skip
LOOP_REFUSALS = {
    "import asyncio\nasync def main():\n    await asyncio.Event().wait()\nasyncio.run(main())": ("RuntimeError", "Deadlock: every task waits for another one, and nothing else can wake them. Look for an event that is never set, a queue that is never filled, or a lock that is never released."),
    "import asyncio\nasync def main():\n    await asyncio.get_running_loop().create_connection(None, 'a', 1)\nasyncio.run(main())": ("PermissionError", "loop.create_connection is not available: an action has no network."),
    "import asyncio\nasync def main():\n    await asyncio.get_running_loop().subprocess_exec(None, 'a')\nasyncio.run(main())": ("PermissionError", "loop.subprocess_exec is not available: an action has no other processes and no signals."),
    "import asyncio\nasync def main():\n    asyncio.current_task().get_stack()\nasyncio.run(main())": ("PermissionError", "Task.get_stack hands out frames; format the task's exception with the traceback module instead."),
}  # fmt: skip


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:
    sources = [*REFUSALS, *CLAIMS.values(), *LOOP.values(), *LOOP_REFUSALS]
    return dict(zip(sources, (each[-1] for each in run(list(sources))), strict=True))


@pytest.mark.parametrize("source", [*REFUSALS, *LOOP_REFUSALS])
def test_what_is_not_available_is_said_in_words_that_help(source: str, results: Any) -> None:
    """The whole message, where it is ours."""
    raised, message = (REFUSALS | LOOP_REFUSALS)[source]
    assert results[source]["raised"] == raised
    assert message is None or results[source]["message"] == message


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_facade_behaves_as_the_module(claim: str, results: Any) -> None:
    """What the name of the claim says."""
    assert results[CLAIMS[claim]]["value"] == "True", results[CLAIMS[claim]]


@pytest.mark.parametrize("claim", LOOP)
def test_the_event_loop_does_what_asyncio_promises(claim: str, results: Any) -> None:
    """Without a socket, a pipe or a thread."""
    assert results[LOOP[claim]]["value"] == "True", results[LOOP[claim]]


def test_figures_left_open_are_collected(results: Any) -> None:
    """One figure, named in the order in which they are shown."""
    assert results[CLAIMS["figures left open are shown"]]["figures"] == ["figure-1.png"]


def test_every_denied_name_of_an_allowed_module_is_hidden_with_its_reason() -> None:
    """By the gate where the source says it, by the importer where only the run shows it."""
    spelled = run([f"from {module} import {name}" for module, name in _HIDDEN], "strict")
    computed = run(
        [f"import {module}\nhasattr({module}, {name[:1]!r} + {name[1:]!r})" for module, name in _HIDDEN], "strict"
    )
    for (module, name), said, found in zip(_HIDDEN, spelled, computed, strict=True):
        assert said[-1]["raised"] in ("refused", "ImportError"), (module, name)
        assert DENIED[module][name].split(",")[0].split(";")[0].rstrip(".") in said[-1]["message"], (
            module,
            name,
            said[-1]["message"],
        )
        assert found[-1]["value"] == "False", (module, name)


def test_a_dotted_import_does_not_find_the_module_behind_the_facade() -> None:
    """`import a.b as c` takes `b` from the facade of `a`; CPython's own fallback would look in `sys.modules`."""
    policy = '{"version": 1, "name": "x", "language": {"imports": [{"module": "json", "why": "x", "deny": ["decoder"]}, {"module": "json.encoder", "why": "x"}]}}'
    denied, kept = run(
        ["import json.decoder as d\nd.scanner", "import json.encoder as e\ne.JSONEncoder().encode(1)"], policy
    )
    assert denied[-1]["raised"] in ("refused", "ImportError", "ModuleNotFoundError", "AttributeError")
    assert kept[-1]["value"] == "'1'"


def test_a_facade_is_copied_as_itself() -> None:
    """`copy.copy` and `deepcopy` of a module give no other module; neither does anything that is built from one."""
    copied, listed = run(
        ["import copy, random\ncopy.copy(random)", "import copy, random\ncopy.deepcopy([random])"], "strict"
    )
    for result in (copied, listed):
        assert result[-1]["raised"] == "TypeError"
        assert result[-1]["message"] == "cannot pickle 'module' object"


def test_the_patches_are_made_once_and_before_anything_else() -> None:
    """`guards.install` is in place under the smallest policy, where no allowed module brings it."""
    policy = '{"version": 1, "name": "x", "language": {"imports": [{"module": "math", "why": "x"}]}}'
    programs = ["class C: pass\nC.x = 1\nhasattr(C(), '__array_interface__')", "import math\nmath.sqrt(4)"]
    hidden, root = run(list(programs), policy)
    assert (hidden[-1]["value"], root[-1]["value"]) == ("False", "2.0")


def test_a_path_of_an_earlier_action_means_the_same_file(tmp_path: Path) -> None:
    """Each action has its workspace in another slot; what a session kept as an absolute path goes on working."""
    here = tmp_path / "slots" / "12" / "work"
    here.mkdir(parents=True)
    place = Place()
    place.configure("rw", ())
    place.enter(str(here))
    assert place.resolve(str(tmp_path / "slots" / "3" / "work" / "a.csv")) == str(here / "a.csv")
    for outside in ("slots/3/work2/a.csv", "slots/3/other", "slots/x/work/a.csv", "slots/3/work/../../a"):
        with pytest.raises(PermissionError):
            place.resolve(str(tmp_path / outside))


def test_the_precision_of_mpmath_is_a_setting_that_is_kept() -> None:
    """As pandas' options are: read after the action, put back before the next."""
    import mpmath

    before = mpmath.mp.prec
    try:
        settings = Settings()
        mpmath.mp.dps = 25
        kept = settings.changed()
        mpmath.mp.prec = before
        settings.restore(kept)
        assert mpmath.mp.dps == 25
    finally:
        mpmath.mp.prec = before
