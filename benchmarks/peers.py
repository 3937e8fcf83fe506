"""Peers, each as its users would run it, one trivial action per call. What is not installed says so, and is left out.

What a peer holds back differs: the table's `holds` says what stands between an action and the host's secrets, because a
figure without that is half of one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

Run = Callable[[str], object]


class NotHere(Exception):
    """Why a peer is not in this run."""


@contextlib.contextmanager
def bare_exec() -> Iterator[Run]:
    """`eval` in this process."""
    yield lambda source: eval(compile(source, "<action>", "eval"), {})


@contextlib.contextmanager
def fresh_python() -> Iterator[Run]:
    """An interpreter per action, with nothing imported."""
    yield lambda source: subprocess.run(
        [sys.executable, "-I", "-c", f"print({source})"], capture_output=True, check=True
    )


@contextlib.contextmanager
def smolagents() -> Iterator[Run]:
    """Its local executor."""
    try:
        from smolagents.local_python_executor import LocalPythonExecutor
    except ImportError as error:
        raise NotHere(f"pip install smolagents ({error})") from None
    executor = LocalPythonExecutor(additional_authorized_imports=[])
    executor.send_tools({})
    yield executor


@contextlib.contextmanager
def monty() -> Iterator[Run]:
    """One session of a pool of its workers."""
    try:
        from pydantic_monty import Monty
    except ImportError as error:
        raise NotHere(f"pip install pydantic-monty ({error})") from None
    with Monty() as pool, pool.checkout() as session:
        yield session.feed_run


@contextlib.contextmanager
def asteval() -> Iterator[Run]:
    """Its interpreter, without numpy."""
    from asteval import Interpreter

    yield Interpreter(use_numpy=False)


@contextlib.contextmanager
def ipykernel() -> Iterator[Run]:
    """A kernel that lives as long as its session, through jupyter_client."""
    try:
        from jupyter_client.manager import KernelManager
    except ImportError as error:
        raise NotHere(f"pip install ipykernel jupyter_client ({error})") from None
    manager = KernelManager()
    manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield lambda source: client.execute_interactive(source, output_hook=lambda _message: None, timeout=60)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@contextlib.contextmanager
def sandlock() -> Iterator[Run]:
    """A fresh python per action in its sandbox."""
    try:
        from sandlock import Sandbox
    except ImportError as error:
        raise NotHere(f"pip install sandlock ({error})") from None

    def run(source: str) -> None:
        ended = Sandbox(fs_readable=["/"]).run([sys.executable, "-I", "-c", f"{source}"])
        if not ended.success:
            raise NotHere(f"sandlock cannot run here: {ended.error}")

    run("1 + 1")
    yield run


@contextlib.contextmanager
def bubblewrap() -> Iterator[Run]:
    """A fresh python per action in new namespaces."""
    if not shutil.which("bwrap"):
        raise NotHere("apt-get install bubblewrap")
    command = ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", sys.executable, "-I", "-c"]

    def run(source: str) -> None:
        ended = subprocess.run([*command, f"print({source})"], capture_output=True, text=True, check=False)
        if ended.returncode:
            raise NotHere(f"bubblewrap cannot run here: {ended.stderr.strip()[:120]}")

    run("1 + 1")
    yield run


_NODE = """
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
const { loadPyodide } = createRequire(process.argv[1] + "/")("pyodide");
const python = await loadPyodide();
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) console.log(String(python.runPython(JSON.parse(line))));
"""


@contextlib.contextmanager
def pyodide() -> Iterator[Run]:
    """One WebAssembly interpreter under Node that lives as long as its session. PYODIDE_HOME holds its node_modules."""
    home = os.environ.get("PYODIDE_HOME", str(Path.cwd()))
    if not shutil.which("node") or not (Path(home) / "node_modules" / "pyodide").is_dir():
        raise NotHere("npm install pyodide in a folder, and PYODIDE_HOME=that folder (with node)")
    process = subprocess.Popen(
        ["node", "--input-type=module", "-e", _NODE, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin as stdin, process.stdout as stdout:
        if stdout.readline().strip() != "ready":
            raise NotHere("pyodide does not start under this node")

        def run(source: str) -> str:
            stdin.write(json.dumps(source) + "\n")
            stdin.flush()
            return stdout.readline()

        yield run
        stdin.close()


# What holds an action, in a word or two: "—" is nothing.
PEERS: dict[str, tuple[Callable[[], contextlib.AbstractContextManager[Run]], str]] = {
    "exec": (bare_exec, "—"),
    "python -c": (fresh_python, "—"),
    "smolagents local": (smolagents, "an AST interpreter in the host's process"),
    "pydantic-monty": (monty, "its own interpreter (no numpy), a process"),
    "asteval": (asteval, "an AST interpreter in the host's process"),
    "ipykernel": (ipykernel, "— (a process of the same user)"),
    "sandlock": (sandlock, "Landlock, seccomp"),
    "bubblewrap": (bubblewrap, "namespaces"),
    "Pyodide in Node": (pyodide, "WebAssembly (Node's own rights reachable)"),
}


@contextlib.contextmanager
def opened(names: tuple[str, ...] = tuple(PEERS)) -> Iterator[tuple[dict[str, Run], dict[str, str]]]:
    """The peers that are here, ready; and why the others are not."""
    absent: dict[str, str] = {}
    runs: dict[str, Run] = {}
    with contextlib.ExitStack() as stack:
        for name in names:
            try:
                runs[name] = stack.enter_context(PEERS[name][0]())
            except NotHere as reason:
                absent[name] = str(reason)
        yield runs, absent
