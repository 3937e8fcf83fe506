"""`safe-codeact mcp`: an MCP server that offers `run_python` to any MCP client."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer


def mcp(
    policy: Annotated[str, typer.Option(metavar="P", help="A shipped policy's name, or a path.")] = "analysis",
    http: Annotated[
        str | None,
        typer.Option(metavar="[HOST:]PORT", help="Serve HTTP there (HOST: 127.0.0.1), not standard input and output."),
    ] = None,
    max_sessions: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Sessions that are kept.")] = 16,
) -> int:
    """Be an MCP server that runs Python, judged and confined; each connection has its session.

    Nobody is authenticated: over HTTP, whoever reaches the port may run code under the policy.
    Exit status: 0 the client has left, 2 usage.
    """
    from safe_codeact import Policy  # start-up time, as below
    from safe_codeact.cli import terminal

    if find_spec("mcp") is None:
        terminal.complain("the `mcp` package is not installed here: pip install 'safe-codeact[mcp]'")
        return 2
    loaded = Policy.load(policy)
    address = ("", 0) if http is None else _address(http)
    if address is None:
        terminal.complain(f"--http {http}: expected [HOST:]PORT, such as 8000 or 127.0.0.1:8000.")
        return 2
    from safe_codeact.mcp.serving import serve_pipes, serve_web

    if http is None:
        serve_pipes(loaded, max_sessions)
    else:
        serve_web(loaded, *address, max_sessions)
    return 0


def _address(text: str) -> tuple[str, int] | None:
    host, _colon, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        return None
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)
