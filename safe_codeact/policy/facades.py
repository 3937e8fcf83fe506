"""The modules that have a hand-made stand-in, and what each stand-in is for.

A line `facade: true` in a policy asks for the stand-in: a module that holds only the names that its builder in
`guest.modules.curated` writes down. Without the flag an action gets the module's own public names, less those of
`policy.knowledge.DENIED`. Names in `REPLACED` are exchanged either way, because the original would carry an action
around the gate whatever the policy says.
"""

from __future__ import annotations

from collections.abc import Mapping

STAND_INS: Mapping[str, str] = {
    "ast": "literal_eval of text; no syntax trees",
    "asyncio": "run, gather, sleep, timeouts, locks and queues on a loop of our own; no processes, streams or servers",
    "contextlib": "as it is, with redirect_stdout and redirect_stderr that the stand-in for sys follows",
    "glob": "searches inside the workspace",
    "inspect": "signatures, docstrings and the is... questions; no frames and no sources",
    "io": "StringIO, BytesIO and the wrappers; open is the guarded one",
    "logging": "loggers and handlers that write to streams; no files and no sockets",
    "os": "os.path and the file functions inside the workspace, with an empty environment",
    "os.path": "joining and splitting paths; questions about files inside the workspace",
    "pathlib": "paths whose file methods stay inside the workspace",
    "shutil": "copying, moving and removing inside the workspace",
    "sys": "versions, limits, streams and exit; not the loaded modules",
    "tempfile": "temporary files and folders inside the workspace",
    "time": "clocks, calendars and a sleep that knows the action's deadline",
    "timeit": "timing of functions; source text is refused",
    "traceback": "tracebacks as text",
    "types": "SimpleNamespace, MappingProxyType and types to ask isinstance about",
    "warnings": "warn, filters and catch_warnings",
}

REPLACED: Mapping[str, Mapping[str, str]] = {
    "functools": {
        "update_wrapper": "copies attributes whose names it is given as text",
        "wraps": "copies attributes whose names it is given as text",
    },
    "operator": {
        "attrgetter": "reads attributes whose names it is given as text",
        "methodcaller": "calls methods whose names it is given as text",
    },
    "typing": {
        "get_origin": "hands out the metaclass behind Type[...]",
        "get_type_hints": "evaluates annotations that are text",
    },
    "dataclasses": {"make_dataclass": "makes a class from names that are text"},
}

CURATED: frozenset[str] = frozenset(STAND_INS)
