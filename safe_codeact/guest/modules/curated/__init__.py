"""The stand-ins for modules whose own public names are not harmless: one table, module to the names it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from safe_codeact.guest.modules.curated import asynchronous, interpreter, operating, paths, reflection, streams

BUILDERS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "ast": reflection.ast_facade,
    "asyncio": asynchronous.asyncio_facade,
    "contextlib": streams.contextlib_names,
    "glob": paths.glob_facade,
    "inspect": reflection.inspect_facade,
    "io": streams.io_facade,
    "logging": streams.logging_facade,
    "os": operating.os_facade,
    "os.path": operating.path_facade,
    "pathlib": paths.pathlib_facade,
    "shutil": paths.shutil_facade,
    "sys": interpreter.sys_facade,
    "tempfile": paths.tempfile_facade,
    "time": interpreter.time_facade,
    "timeit": interpreter.timeit_facade,
    "traceback": reflection.traceback_facade,
    "types": reflection.types_facade,
    "warnings": interpreter.warnings_facade,
}
