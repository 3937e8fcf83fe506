"""CPython's audit events, as a second layer of the language side: what an action may not do, by whatever way it got there.

Threat: the gate or a guard is passed, a raw `os.open` or `subprocess` is in the action's hands, and the kernel layer is
off or has a hole. What doesn't work: exchanging these functions, because there is always another reference.
What we do: `sys.addaudithook` in the worker, once the session is restored. CPython raises an event before it opens a file,
starts a process, makes a socket, loads an extension; the hook refuses by the tables below, and cannot be taken out again.
A refusal's traceback shows the hook's frame, so what lies there must be of no use: the hook and `_inside` have neither
globals nor closures, but defaults that are frozen sets, tuples, types and text. Paths are compared as text, since an action has
no way to make a link, and resolving one would call functions that could be exchanged.
What still gets through: what raises no event (`os.read`, `os.write` and `os.stat`; files that C libraries open by
themselves), links that are part of an installed library, a `dir_fd` together with a name that looks inside.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import PosixPath
from typing import Any, Final

from safe_codeact.confine.paths import SITE_FOLDERS, ZONES, library_paths, package_paths
from safe_codeact.frozen import dataclass
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

# Families of events that are refused, also where a later Python adds to them; the other tables come first.
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
_OTHERS: Final = words("open import object.__setattr__ object.__delattr__ resource.prlimit")
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be opened besides the workspace: the folders and files that the kernel layer leaves readable too."""

    readable: tuple[str, ...]
    writable: bool  # whether the workspace is
    exactly: frozenset[str] = field(init=False)  # as each worker's hook looks them up: made once, in the zygote
    beneath: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "exactly", frozenset(filter(None, self.readable)))
        object.__setattr__(self, "beneath", tuple(path.rstrip("/") + "/" for path in self.exactly))


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
    """The hook of one process."""
    own = os.path.realpath(workspace).rstrip("/") + "/" if workspace else ""
    inside = _make_inside(own, given.writable, given.exactly, given.beneath)
    return _make_hook(inside, _make_argument_check(inside))


def _make_hook(
    inside: Callable[..., bool], argument_check: Callable[..., None]
) -> Callable[[str, tuple[Any, ...]], None]:
    reasons = (*REFUSED.items(), *((family + ".", reason) for family, reason in FAMILIES.items()))

    def hook(
        event: str,
        args: tuple[Any, ...],
        harmless: frozenset[str] = HARMLESS,
        judged: frozenset[str] = frozenset(PATHS) | _OTHERS,
        refused: frozenset[str] = frozenset(REFUSED),
        families: tuple[str, ...] = tuple(family + "." for family in FAMILIES),
        check: Callable[..., None] = argument_check,
        ours: tuple[Any, ...] = (inside, argument_check),
        reasons: tuple[tuple[str, str], ...] = reasons,
        error: type[Exception] = PermissionError,
    ) -> None:
        if event in harmless:
            return
        if event in judged:
            check(event, args, ours)
        elif event in refused or event.startswith(families):
            for name, reason in reasons:
                if event == name or (name[-1] == "." and event.startswith(name)):
                    raise error(f"{event} is not available: {reason}.")

    return hook


def _make_inside(
    own: str, writable: bool, readable: frozenset[str], beneath: tuple[str, ...]
) -> Callable[[str, bool], bool]:
    def inside(
        path: str,
        writing: bool,
        own: str = own,
        writable: bool = writable,
        readable: frozenset[str] = readable,
        beneath: tuple[str, ...] = beneath,
    ) -> bool:
        """Whether the path lies where an action may read, or write. Compares text."""
        if path[:1] != "/":
            if not own:
                return False
            path = own + path
        kept: list[str] = []
        for part in path.split("/"):
            if part == "..":
                if kept:
                    kept.pop()
            elif part and part != ".":
                kept.append(part)
        path = "/" + "/".join(kept)
        if own and (path + "/").startswith(own):
            return writable or not writing
        return not writing and (path in readable or path.startswith(beneath))

    return inside


def _make_argument_check(inside: Callable[[str, bool], bool]) -> Callable[..., None]:
    text_of = _make_text_of()

    def check(
        event: str,
        args: tuple[Any, ...],
        ours: tuple[Any, ...],
        inside: Callable[[str, bool], bool] = inside,
        text_of: Callable[[Any], str | None] = text_of,
        not_imported: frozenset[str] = _NOT_IMPORTED,
        writing_flags: int = _WRITING,
        paths: tuple[tuple[str, tuple[tuple[int, bool, int], ...]], ...] = tuple(PATHS.items()),
        error: type[Exception] = PermissionError,
        import_error: type[Exception] = ImportError,
    ) -> None:
        if event == "open":
            text = text_of(args[0])
            if text is None:
                return  # a descriptor: reading and writing it would raise no event either
            writing = args[2] & writing_flags != 0
            if not inside(text, writing) or (args[1] is None and text[:1] != "/" and ".." in text.split("/")):
                what = "written" if writing else "read"
                raise error(f"{text!r} cannot be {what}: it is outside of what this policy opens to an action.")
        elif event == "import":  # ImportError: libraries try what is optional
            if args[1] is not None:
                raise import_error(f"{args[0]!r} is an extension that was not loaded before the action.")
            if args[0] in not_imported:
                raise import_error(
                    f"{args[0]!r} is not available: an action has no processes, no network and no native code."
                )
        elif event == "resource.prlimit":
            if args[0] != 0:
                raise error("resource.prlimit is not available: an action has one process, its own.")
        elif event[:7] == "object.":  # `f.__code__ = ...` is how networkx compiles its decorators; not of these
            for function in (*ours, text_of):
                if args[0] is function:
                    raise error("this function cannot be changed.")
        else:
            for name, places in paths:
                if name == event:
                    for index, writing, folder in places:
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


def _make_text_of() -> Callable[[Any], str | None]:
    def text_of(
        path: Any,
        kind_of: Any = type,
        text: type[str] = str,
        number: type[int] = int,
        data: type[bytes] = bytes,
        plain: type[PosixPath] = PosixPath,
        ask: Callable[[PosixPath], str] = PosixPath.__fspath__,
        is_a: Any = isinstance,
        exact: Callable[[Any], str] = str.__str__,
        error: type[Exception] = PermissionError,
    ) -> str | None:
        """The text of a path argument; None for a descriptor.

        An object whose `__fspath__` is asked twice could answer twice: only `pathlib`'s own class is asked.
        """
        kind = kind_of(path)
        if kind is text:
            return path  # type: ignore[no-any-return]
        if kind is number or path is None:
            return None
        if kind is plain:
            return ask(path)
        if kind is data:
            return path.decode("utf-8", "surrogateescape")  # type: ignore[no-any-return]
        if is_a(path, text):
            return exact(path)
        raise error("a path must be a str, bytes or pathlib.Path here.")

    return text_of
