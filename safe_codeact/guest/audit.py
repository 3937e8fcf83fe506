"""CPython's audit events, as a second layer of the language side: what an action may not do, by whatever way it got there.

Threat: the gate or a guard is passed, a raw `os.open` or `subprocess` is in the action's hands, and the kernel layer is
off or has a hole. What doesn't work: exchanging these functions, because there is always another reference.
What we do: `sys.addaudithook`, in the worker, once the session is restored. CPython raises an event before it opens a file, starts
a process, makes a socket, loads an extension; the hook refuses by the tables below, and cannot be taken out again. It
keeps all it needs in closures: a module's globals could be exchanged. Paths are compared as text, since an action has no way to
make a link, and resolving one would call functions that could be exchanged.
What still gets through: what raises no event (`os.read`, `os.write` and `os.stat`; files that C libraries open by
themselves), links that are part of an installed library, a `dir_fd` together with a name that looks inside.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PosixPath
from typing import Any, Final

from safe_codeact.confine.paths import SITE_FOLDERS, ZONES, library_paths, package_paths
from safe_codeact.gate.names import words
from safe_codeact.policy.effective import Policy

_PROCESS = "an action starts and signals no processes"
_NETWORK = "an action has no network; the host's tools are the way out"
_NATIVE = "an action calls no native code by address and loads none"
_INSIDE = "it hands out the interpreter's own objects"
_HOOKS = "it replaces a hook that the whole interpreter uses"
_LINKS = "links lead out of the workspace"
_DATABASE = "an action has no database; let a tool of the host query it"
_SYSTEM = "it changes or reveals the machine that the worker runs on"


def _because(reason: str, events: str) -> dict[str, str]:
    return dict.fromkeys(events.split(), reason)


# Event → why it is refused, whatever its arguments.
REFUSED: Final[Mapping[str, str]] = {
    **_because(
        _PROCESS,
        "os.system os.exec os.fork os.forkpty os.spawn os.posix_spawn os.startfile os.kill os.killpg subprocess.Popen "
        "pty.spawn signal.pthread_kill webbrowser.open ensurepip.bootstrap",
    ),
    **_because(_INSIDE, "sys._current_frames sys._current_exceptions gc.get_objects gc.get_referrers gc.get_referents"),
    **_because(_INSIDE, "code.__new__ builtins.breakpoint pdb.Pdb pickle.find_class"),
    **_because(
        _HOOKS,
        "sys.addaudithook sys.setprofile sys.settrace sys.monitoring.register_callback setopencodehook "
        "cpython._PySys_ClearAuditHooks cpython.PyInterpreterState_New",
    ),
    **_because(_LINKS, "os.link os.symlink"),
    **_because(_SYSTEM, "os.chdir os.chown os.chroot os.lockf os.add_dll_directory resource.setrlimit"),
}

# Families of events that are refused, also where a later Python adds to them; `HARMLESS`, `PATHS` and `REFUSED` come first.
FAMILIES: Final[Mapping[str, str]] = {
    **_because(_NETWORK, "socket http urllib ftplib imaplib nntplib poplib smtplib telnetlib"),
    **_because(_NATIVE, "ctypes"),
    **_because(_DATABASE, "sqlite3"),
    **_because(_SYSTEM, "os fcntl syslog msvcrt winreg"),
}

# Raised all the time by ordinary code, or said again by a more particular event: let through at once. (A hook costs every
# `id()` a third of a microsecond: `copy.deepcopy` calls it for each object.)
HARMLESS: Final[frozenset[str]] = words(
    "builtins.id sys._getframe sys._getframemodulename object.__getattr__ compile exec time.sleep array.__new__ marshal.loads "
    "marshal.dumps os.walk os.fwalk os.putenv os.unsetenv"
)

# Event → the paths among its arguments: (index, whether it is written, index of its dir_fd or -1).
PATHS: Final[Mapping[str, tuple[tuple[int, bool, int], ...]]] = {
    "os.listdir": ((0, False, -1),),
    "os.scandir": ((0, False, -1),),
    "os.getxattr": ((0, False, -1),),
    "os.listxattr": ((0, False, -1),),
    "os.mkdir": ((0, True, 2),),
    "os.remove": ((0, True, 1),),
    "os.rmdir": ((0, True, 1),),
    "os.rename": ((0, True, 2), (1, True, 3)),
    "os.truncate": ((0, True, -1),),
    "os.utime": ((0, True, 3),),
    "os.chmod": ((0, True, 2),),
    "os.setxattr": ((0, True, -1),),
    "os.removexattr": ((0, True, -1),),
}

# Modules that are not imported inside a worker if the zygote did not: they are made of what is refused above.
_NOT_IMPORTED: Final = words(
    "ctypes _ctypes cffi _cffi_backend subprocess _posixsubprocess multiprocessing _multiprocessing _posixshmem pty socket "
    "_socket ssl _ssl fcntl sqlite3 _sqlite3 _testcapi _testinternalcapi _xxsubinterpreters _interpreters"
)
_FIXED: Final = frozenset({"__code__"})  # of functions, by `object.__setattr__` (typing.NamedTuple sets `__bases__`)
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be opened besides the workspace: the folders and files that the kernel layer leaves readable too."""

    readable: tuple[str, ...]
    writable: bool  # whether the workspace is


def reach(policy: Policy, loaded_files: Mapping[str, str]) -> Reach:
    """Worked out in the zygote, after everything was loaded. `loaded_files`: module name → its file."""
    sites = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    sites |= {entry for entry in sys.path if os.path.basename(entry) in SITE_FOLDERS}
    stdlib = sysconfig.get_path("stdlib")
    found = [*library_paths(stdlib, os.listdir(stdlib), sites), *package_paths(loaded_files, sites), ZONES]
    found += [each.path for each in policy.filesystem.read]
    return Reach(tuple(sorted({*found, *map(os.path.realpath, found)})), policy.filesystem.workspace == "rw")


def install(given: Reach, workspace: str) -> None:
    """From here on, for the rest of this process. `workspace` is the process's folder, or "" where there is none."""
    sys.addaudithook(make_hook(given, workspace))


def make_hook(given: Reach, workspace: str) -> Callable[[str, tuple[Any, ...]], None]:
    """The hook. Every name that it uses is a builtin type's method or lies in a closure."""
    inside = _insides(given, os.path.realpath(workspace) if workspace else "")
    checks = {event: _refusing(reason) for event, reason in REFUSED.items()}
    checks.update({event: _path_check(paths, inside) for event, paths in PATHS.items()})
    checks["open"] = _open_check(inside)
    checks["import"] = _import_check(_NOT_IMPORTED)
    checks["object.__setattr__"] = checks["object.__delattr__"] = _attribute_check(_FIXED)
    checks["resource.prlimit"] = _own_limit
    families = {family: _refusing(reason) for family, reason in FAMILIES.items()}

    get, family_of, harmless = checks.get, families.get, HARMLESS

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in harmless:
            return
        check = get(event) or family_of(event.partition(".")[0])
        if check is not None:
            check(event, args)

    return hook


def _refusing(reason: str) -> Callable[[str, tuple[Any, ...]], None]:
    error = PermissionError

    def refuse(event: str, args: tuple[Any, ...]) -> None:
        raise error(f"{event} is not available: {reason}.")

    return refuse


def _insides(given: Reach, workspace: str) -> Callable[[str, bool], bool]:
    """(path, whether it is written) → whether it lies where an action may. Compares text."""
    readable = tuple(path for path in given.readable if path)
    beneath = tuple(path.rstrip("/") + "/" for path in readable)
    own = workspace.rstrip("/") + "/" if workspace else None
    writable = given.writable

    def inside(path: str, writing: bool) -> bool:
        if path[:1] != "/":
            if own is None:
                return False
            path = own + path
        parts: list[str] = []
        for part in path.split("/"):
            if part == "..":
                if parts:
                    parts.pop()
            elif part and part != ".":
                parts.append(part)
        path = "/" + "/".join(parts)
        if own is not None and (path + "/").startswith(own):
            return writable or not writing
        return not writing and (path in readable or path.startswith(beneath))

    return inside


def _text_of() -> Callable[[Any], str | None]:
    """The text of a path argument; None for a descriptor.

    An object whose `__fspath__` is asked twice could answer twice: only `pathlib`'s own class is asked.
    """
    error, plain, ask = PermissionError, PosixPath, PosixPath.__fspath__
    kind_of, is_a, exact = type, isinstance, str.__str__  # the names in `builtins` could be exchanged as well
    text_kind, number, data = str, int, bytes

    def text(path: Any) -> str | None:
        kind = kind_of(path)
        if kind is text_kind:
            return path  # type: ignore[no-any-return]
        if kind is number or path is None:
            return None
        if kind is plain:
            return ask(path)
        if kind is data:
            return path.decode("utf-8", "surrogateescape")  # type: ignore[no-any-return]
        if is_a(path, text_kind):
            return exact(path)
        raise error(f"a path must be a str, bytes or pathlib.Path here, not a {kind.__name__}")

    return text


def _open_check(inside: Callable[[str, bool], bool]) -> Callable[[str, tuple[Any, ...]], None]:
    error, writing_flags, text_of = PermissionError, _WRITING, _text_of()

    def check(event: str, args: tuple[Any, ...]) -> None:
        path, mode, flags = args[0], args[1], args[2]
        text = text_of(path)
        if text is None:
            return  # a descriptor: reading and writing it would raise no event either
        writing = flags & writing_flags != 0
        if not inside(text, writing) or (mode is None and text[:1] != "/" and ".." in text.split("/")):
            what = "written" if writing else "read"
            raise error(f"{text!r} cannot be {what}: it is outside of what this policy opens to an action.")

    return check


def _path_check(
    paths: tuple[tuple[int, bool, int], ...], inside: Callable[[str, bool], bool]
) -> Callable[[str, tuple[Any, ...]], None]:
    error, text_of = PermissionError, _text_of()

    def check(event: str, args: tuple[Any, ...]) -> None:
        for index, writing, folder in paths:
            text = text_of(args[index])
            if text is None:
                continue
            if folder >= 0 and args[folder] != -1:  # relative to an open folder: a plain name stays in it
                if text[:1] != "/" and ".." not in text.split("/"):
                    continue
                raise error(f"{event}: {text!r} leads out of its folder.")
            if not inside(text or ".", writing):
                raise error(f"{event}: {text!r} is outside of what this policy opens to an action.")

    return check


def _import_check(names: frozenset[str]) -> Callable[[str, tuple[Any, ...]], None]:
    """ImportError, because libraries try what is optional: `try: import numexpr / except ImportError`."""
    error = ImportError

    def check(event: str, args: tuple[Any, ...]) -> None:
        name, file = args[0], args[1]
        if file is not None:
            raise error(
                f"{name!r} is an extension that was not loaded before the action; a worker loads no native code."
            )
        if name in names:
            raise error(f"{name!r} is not available: an action has no processes, no network and no native code.")

    return check


def _attribute_check(names: frozenset[str]) -> Callable[[str, tuple[Any, ...]], None]:
    error = PermissionError

    def check(event: str, args: tuple[Any, ...]) -> None:
        if args[1] in names:
            raise error(f"{args[1]} cannot be changed: it is what a function is made of.")

    return check


def _own_limit(event: str, args: tuple[Any, ...]) -> None:
    if args[0] != 0:
        raise PermissionError("resource.prlimit is not available: an action has one process, its own.")
