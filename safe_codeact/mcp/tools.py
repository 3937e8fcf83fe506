"""The tools of an MCP server as tools of a runtime, under the same lines of the policy.

Threat: the server. Its names, descriptions and schemas are a stranger's text that becomes part of the model's prompt and of our
signatures; its results are data that an attacker may have written; and it may say nothing, everything, or die. What we do: names
are mapped to plain identifiers and never to a builtin's; descriptions are bounded and printable; schemas are read within a budget
(`safe_codeact.schemas`), arguments checked before they are sent; whatever comes is bounded in size, every wait in time; a tool that
cannot be offered so is withheld, with a warning. What still gets through: a description that lies or instructs. Look at them before
you let a model see them.
"""

from __future__ import annotations

import asyncio
import builtins
import functools
import os
import subprocess
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, overload

from safe_codeact import SafeCodeActError, ToolWithheld, tool
from safe_codeact.mcp import pipes, web
from safe_codeact.mcp.link import Link, Transport
from safe_codeact.mcp.results import failure, plain, says_result_alone
from safe_codeact.schemas import UnusableSchema, describe, identifier, one_line

_MIB = 1024 * 1024
_MOST_TOOLS = 200
_MOST_DESCRIPTION = 1_000
_MOST_TEXT = 200_000  # of all tools of a server
# What an action has by these names is not a server's to replace.
_RESERVED = frozenset({*dir(builtins), "final_answer", "find_tools", "ToolError"})


class ServerUnavailable(SafeCodeActError):
    """The MCP server cannot be started or reached, says nothing in time, or does not speak the protocol."""


class ServerTools(Sequence[Callable[..., Any]]):
    """The tools of one MCP server, for `Runtime(tools=[*tools])`, while it is open. Made by `server_tools`.

    A context manager, also an asynchronous one. `renamed` says which name in Python each server's name became, where it is
    another; `withheld` why each other tool is not offered.
    """

    def __init__(self, transport: Transport, what: str, *, prefix: str, timeout: float) -> None:
        if not (prefix + "a").isidentifier() or not prefix.isascii():
            raise ValueError(f"prefix={prefix!r} must be the beginning of a name, such as 'github_'")
        if not timeout > 0:
            raise ValueError(f"timeout={timeout!r} must be a positive number of seconds")
        self._link = Link(transport, timeout, _MOST_TOOLS)
        self._what = what
        self._prefix = prefix
        self._timeout = timeout
        self._tools: list[Callable[..., Any]] = []
        self.renamed: dict[str, str] = {}
        self.withheld: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            described = self._link.open()
        except TimeoutError:
            raise ServerUnavailable(f"{self._what}: no answer within {self._timeout:g} s") from None
        except Exception as error:
            raise ServerUnavailable(f"{self._what}: {type(error).__name__}: {failure(str(error))}") from None
        try:
            self._make(described)
        except BaseException:
            self._link.close()
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._link.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._link.close)

    def __len__(self) -> int:
        return len(self._tools)

    @overload
    def __getitem__(self, place: int) -> Callable[..., Any]: ...
    @overload
    def __getitem__(self, place: slice) -> list[Callable[..., Any]]: ...
    def __getitem__(self, place: int | slice) -> Callable[..., Any] | list[Callable[..., Any]]:
        return self._tools[place]

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return iter(self._tools)

    def _make(self, described: Sequence[Mapping[str, Any]]) -> None:
        taken: set[str] = set()
        length = 0
        for number, entry in enumerate(described):
            original = entry.get("name")
            if number >= _MOST_TOOLS:
                self._withhold(
                    f"{len(described) - _MOST_TOOLS} more", f"at most {_MOST_TOOLS} tools of a server are taken"
                )
                break
            if not isinstance(original, str) or not original:
                self._withhold(f"number {number + 1}", "it has no name")
                continue
            name = _name(original, self._prefix)
            if name in taken:
                self._withhold(original, f"another tool of the server is called {name} already")
                continue
            if length > _MOST_TEXT:  # each action is told of every tool: what is long altogether makes all of them slow
                self._withhold(original, f"the server's tools are described in more than {_MOST_TEXT:,} characters")
                continue
            try:
                made, size = _tool(self._link, original, name, entry)
            except UnusableSchema as error:
                self._withhold(original, one_line(str(error), 200))
                continue
            except Exception as error:  # what a stranger can write is more than we have thought of
                self._withhold(original, f"its description cannot be read ({type(error).__name__})")
                continue
            length += size
            self._tools.append(made)
            taken.add(name)
            if name != original:
                self.renamed[original] = name

    def _withhold(self, original: str, why: str) -> None:
        shown = one_line(original, 80)
        self.withheld[shown] = why
        warnings.warn(f"the tool {shown!r} of {self._what} is withheld: {why}.", ToolWithheld, stacklevel=5)


def server_tools(
    server: str | Sequence[str],
    *,
    prefix: str = "",
    timeout: float = 30.0,
    max_message_mb: float = 8.0,
    headers: Mapping[str, str] | None = None,
    env: dict[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    stderr: Any = subprocess.DEVNULL,
) -> ServerTools:
    """The tools of an MCP server: `with server_tools([…]) as tools, Runtime(policy, tools=[*tools]) as runtime:`.

    `server` is the address of a streamable-HTTP endpoint (`headers` go with each request), or the command line of a server
    to start (`env` is added to PATH, HOME and the like; `stderr` as for `subprocess`). It runs with your rights, unconfined.
    `prefix` goes before each name. `timeout` (seconds) bounds connecting, and each call besides its line in the policy.

    Entering raises `ServerUnavailable`, and warns `ToolWithheld` for each tool that cannot be offered.
    """
    most_bytes = int(max_message_mb * _MIB)
    if isinstance(server, str):
        if not server.startswith(("http://", "https://")):
            raise ValueError(f"server={server!r}: expected an address (http://…), or a command as a list of words")
        reach = functools.partial(web.reached, server, headers=headers, timeout=timeout, most_bytes=most_bytes)
        return ServerTools(reach, "the MCP server over HTTP", prefix=prefix, timeout=timeout)
    if not server:
        raise ValueError("server=[]: expected the words of a command")
    start = functools.partial(pipes.started, list(server), env=env, cwd=cwd, stderr=stderr, most_bytes=most_bytes)
    return ServerTools(start, f"the MCP server {os.path.basename(server[0])!r}", prefix=prefix, timeout=timeout)


def _name(original: str, prefix: str) -> str:
    plain = identifier(prefix + original)
    return f"mcp_{plain}" if plain in _RESERVED else plain


def _tool(link: Link, original: str, name: str, entry: Mapping[str, Any]) -> tuple[Callable[..., Any], int]:
    """An async function that calls one tool of the server, and how long its description is. Raises `UnusableSchema`."""
    inputs, outputs = entry.get("inputSchema"), entry.get("outputSchema")
    is_wrapped = says_result_alone(outputs)
    if is_wrapped and isinstance(outputs, dict):
        outputs = {**outputs, **(outputs["properties"]["result"] or {})}
    if not isinstance(inputs, dict):
        raise UnusableSchema("its arguments are not described")
    described = describe(inputs, outputs if isinstance(outputs, dict) else None)

    async def call(*args: Any, **kwargs: Any) -> Any:
        bound = described.signature.bind(*args, **kwargs)
        sent: dict[str, Any] = {}
        for parameter, value in bound.arguments.items():
            kind = described.signature.parameters[parameter].kind
            given = value if kind is kind.VAR_KEYWORD else {described.names[parameter]: value}
            sent.update({key: _json(item, f"{name}: {parameter}") for key, item in given.items()})
        return plain(await link.call(original, sent), is_wrapped=is_wrapped)

    call.__name__ = call.__qualname__ = name
    call.__signature__ = described.signature  # type: ignore[attr-defined]
    description = _description(entry.get("description"), described.notes)
    return tool(call, name=name, description=description), len(description) + described.length


def _description(given: Any, notes: Sequence[str]) -> str:
    """A stranger's text for the prompt: bounded, printable, and without what would end the docstring that it is shown in."""
    lines = given[: _MOST_DESCRIPTION * 2].splitlines() if isinstance(given, str) else []
    kept = "\n".join(one_line(line, _MOST_DESCRIPTION) for line in lines).strip()
    if len(kept) > _MOST_DESCRIPTION:
        kept = kept[:_MOST_DESCRIPTION].rstrip() + " …"
    about = "\n".join([kept, *notes]) if notes else kept
    return about.replace('"""', "'''").strip()


def _json(value: Any, where: str) -> Any:
    """A value as JSON carries it. Raises `ValueError`: a parameter of any kind may have been given what JSON does not have."""
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float and value - value == 0:
        return value
    if type(value) in (list, tuple):
        return [_json(item, where) for item in value]
    if type(value) is dict and all(type(key) is str for key in value):
        return {key: _json(item, where) for key, item in value.items()}
    what = repr(value) if type(value) is float else type(value).__name__
    raise ValueError(f"{where}: {what} cannot be sent to an MCP server, which takes JSON")
