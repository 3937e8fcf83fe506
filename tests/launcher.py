"""Commands of ours in processes of their own, without the second that the packages of others take to import.

`started(module, …)` does what `subprocess.run([sys.executable, "-m", module, …])` does, in a fork of one process that has
imported openai, typer, rich and what they need, and nothing of ours: each command imports that itself, so that an import
which a verb forgot is found. Arguments, streams, folder, environment, exit status and the end by a signal are its own, and
it ends as an interpreter does.

What is not as in a process started anew: the seed of hashes, `PYTHON…` variables, and what is in `sys.modules`. A claim about
one of these, about a terminal, or about how a command starts, belongs to a process that is started anew.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

PACKAGES = ("openai", "pydantic", "rich.console", "rich.live", "rich.markdown", "rich.syntax", "typer", "yaml")
_LONGEST = 1 << 17  # bytes of a request: arguments and environment


def started(
    module: str,
    *arguments: object,
    environment: Mapping[str, str],
    stdin: bytes = b"",
    cwd: Path | str | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[bytes]:
    """Runs `python -m module arguments…` to its end; `returncode` is negative where a signal ended it, as in `subprocess`.

    Raises `subprocess.TimeoutExpired` (the command is killed) after `timeout` seconds.
    """
    request = {
        "module": module,
        "arguments": [str(each) for each in arguments],
        "environment": dict(environment),
        "cwd": str(cwd or Path.cwd()),
    }
    channel = server().channel
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        socket.send_fds(channel, [json.dumps(request).encode()], [given.fileno(), out.fileno(), err.fileno()])
        channel.settimeout(timeout)
        pid = int(channel.recv(100))
        try:
            status = int(channel.recv(100))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            channel.settimeout(timeout)
            channel.recv(100)
            raise subprocess.TimeoutExpired([module, *request["arguments"]], timeout) from None
        streams = []
        for stream in (out, err):
            stream.seek(0)
            streams.append(stream.read())
    return subprocess.CompletedProcess([module, *request["arguments"]], status, *streams)


def in_text(done: subprocess.CompletedProcess[bytes]) -> subprocess.CompletedProcess[str]:
    """The same with its streams decoded, as `subprocess.run(…, text=True)` gives it."""
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class Server:
    """The process that forks, and the socket by which it is asked. One command at a time."""

    def __init__(self) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def stop(self) -> None:
        """Ends it, and waits until it is gone."""
        self.channel.close()
        self.process.wait(60)


@functools.cache
def server() -> Server:
    """The one of this test process: started when it is first needed, stopped by `conftest.py`."""
    return Server()


def stop() -> None:
    """Ends the server, if there is one."""
    if server.cache_info().currsize:
        server().stop()
        server.cache_clear()


def serve(channel: socket.socket) -> None:
    """A fork for each request, until nobody can ask any more. Returns in the fork too, with the command run."""
    for name in PACKAGES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # or each fork would copy all of it: the collector writes into what it looks at
    assert not [name for name in sys.modules if name.partition(".")[0] == "safe_codeact"]
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a process with threads is not forked"
    while True:
        message, streams, _, _ = socket.recv_fds(channel, _LONGEST, 3)
        if not message:
            return
        pid = os.fork()
        if not pid:
            channel.close()
            _become(json.loads(message), streams)
        for stream in streams:
            os.close(stream)
        channel.send(b"%d" % pid)
        channel.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _become(request: dict[str, Any], streams: Sequence[int]) -> NoReturn:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    sys.path[0] = request["cwd"]
    sys.argv[1:] = request["arguments"]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    asked = socket.socket(fileno=int(sys.argv[1]))
    asked.set_inheritable(False)
    serve(asked)
