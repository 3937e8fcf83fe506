"""The Model Context Protocol, both ways, through the official `mcp` package (extra `mcp`), which nothing else imports.

`tools` makes the tools of an MCP server tools of a `Runtime` (`link` keeps the connection in a thread of its own,
`pipes` and `web` are how bytes come, `results` what a call returned). `server` offers `run_python` to MCP clients
(`sessions` keeps what they are told apart by, `serving` is standard input and HTTP).

Names are loaded when they are first used: a program that uses no MCP does not need the package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from safe_codeact.mcp.results import ToolFailed
    from safe_codeact.mcp.server import code_server
    from safe_codeact.mcp.tools import ServerTools, ServerUnavailable, server_tools

_HOMES = {
    "ServerTools": "tools",
    "ServerUnavailable": "tools",
    "ToolFailed": "results",
    "code_server": "server",
    "server_tools": "tools",
}

__all__ = ["ServerTools", "ServerUnavailable", "ToolFailed", "code_server", "server_tools"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'safe_codeact.mcp' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"safe_codeact.mcp.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] in ("mcp", "mcp_types"):
            raise ModuleNotFoundError(
                f"safe_codeact.mcp.{name} needs the package `mcp`: pip install 'safe-codeact[mcp]'", name=error.name
            ) from None
        raise


def __dir__() -> list[str]:
    return sorted(__all__)
