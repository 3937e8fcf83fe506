"""The stand-ins for `os` and `os.path`: path arithmetic, and the file functions that stay in the workspace.

The functions that only look at text are the originals. Those that ask the file system resolve their path first
(`Place.reach`), and refuse aloud what lies outside, also where CPython would answer False: a silent wrong answer would
send a model in circles. `environ` is an ordinary empty mapping, because nothing of the host's environment is in here.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from typing import Any

from safe_codeact.guest.modules.files import HERE, path_text, within

_PATH_TEXT = (
    "basename commonpath commonprefix curdir defpath devnull dirname extsep altsep isabs join normcase normpath pardir "
    "pathsep sep split splitdrive splitext supports_unicode_filenames"
)
_OS_PLAIN = (
    "name sep altsep linesep pathsep curdir pardir extsep defpath devnull error fspath fsencode fsdecode PathLike DirEntry "
    "stat_result strerror urandom getpid terminal_size F_OK R_OK W_OK X_OK SEEK_SET SEEK_CUR "
    "SEEK_END"
)


def getcwd() -> str:
    return HERE.workspace or os.sep


def listdir(path: Any = ".") -> list[str]:
    return os.listdir(HERE.reach(path))


def scandir(path: Any = ".") -> Any:
    return os.scandir(HERE.reach(path))


def stat(path: Any, *, follow_symlinks: bool = True) -> os.stat_result:
    return os.stat(HERE.reach(path, follow=follow_symlinks), follow_symlinks=follow_symlinks)


def lstat(path: Any) -> os.stat_result:
    return stat(path, follow_symlinks=False)


def access(path: Any, mode: int) -> bool:
    """A file of the workspace that has no write bits can be written all the same: opening it makes a copy of it first."""
    if mode & os.W_OK and HERE.mode == "rw" and within(HERE.resolve(path), HERE.workspace):
        mode &= ~os.W_OK
    return os.access(HERE.reach(path), mode)


def mkdir(path: Any, mode: int = 0o777) -> None:
    os.mkdir(HERE.reach(path, writing=True), mode)


def makedirs(name: Any, mode: int = 0o777, exist_ok: bool = False) -> None:
    os.makedirs(HERE.reach(name, writing=True), mode, exist_ok)


def remove(path: Any) -> None:
    os.remove(HERE.reach(path, writing=True, follow=False))


def rmdir(path: Any) -> None:
    os.rmdir(HERE.reach(path, writing=True, follow=False))


def removedirs(name: Any) -> None:
    """Removes the folder, and then each parent that is left empty, up to the workspace."""
    folder = HERE.resolve(name, writing=True, follow=False)
    os.rmdir(HERE.reach(name, writing=True, follow=False))
    while (folder := os.path.dirname(folder)) != HERE.workspace:
        try:
            os.rmdir(folder)
        except OSError:
            return


def rename(src: Any, dst: Any) -> None:
    os.rename(HERE.reach(src, writing=True, follow=False), HERE.reach(dst, writing=True, follow=False))


def replace(src: Any, dst: Any) -> None:
    os.replace(HERE.reach(src, writing=True, follow=False), HERE.reach(dst, writing=True, follow=False))


def walk(
    top: Any, topdown: bool = True, onerror: Any = None, followlinks: bool = False
) -> Iterator[tuple[str, list[str], list[str]]]:
    """`os.walk`; links to folders are listed and never followed."""
    if followlinks:
        raise PermissionError("os.walk follows no links here; leave followlinks out.")
    return os.walk(HERE.reach(top), topdown, onerror)


def getenv(key: str, default: str | None = None) -> str | None:
    return HERE.environ.get(key, default)


def getcwdb() -> bytes:
    return os.fsencode(getcwd())


def get_terminal_size(fd: int = 1, /) -> os.terminal_size:
    """CPython's own error where the output is no terminal."""
    raise OSError(25, "Inappropriate ioctl for device")


def cpu_count() -> int:
    """An action has one process with one thread, whatever the machine has."""
    return 1


# ---- os.path


def _asked(question: Any, *, follow: bool = True) -> Any:
    """The `os.path` function that asks the file system, for paths that may be asked about."""

    def ask(path: Any) -> Any:
        return question(HERE.reach(path, follow=follow))

    ask.__name__ = ask.__qualname__ = question.__name__
    ask.__doc__ = question.__doc__
    return ask


exists = _asked(posixpath.exists)
lexists = _asked(posixpath.lexists, follow=False)
isfile = _asked(posixpath.isfile)
isdir = _asked(posixpath.isdir)
islink = _asked(posixpath.islink, follow=False)
ismount = _asked(posixpath.ismount, follow=False)
getsize = _asked(posixpath.getsize)
getmtime = _asked(posixpath.getmtime)
getatime = _asked(posixpath.getatime)
getctime = _asked(posixpath.getctime)


def samefile(f1: Any, f2: Any) -> bool:
    return HERE.resolve(f1) == HERE.resolve(f2)


def abspath(path: Any) -> str:
    return posixpath.normpath(posixpath.join(getcwd(), path_text(path)))


def realpath(filename: Any, *, strict: bool = False) -> str:
    found = HERE.resolve(filename)
    if strict and not os.path.lexists(found):
        raise FileNotFoundError(2, "No such file or directory", path_text(filename))
    return found


def relpath(path: Any, start: Any = os.curdir) -> str:
    return posixpath.relpath(abspath(path), abspath(start))


def expanduser(path: Any) -> str:
    """`~` is the workspace: an action has no account with a home."""
    text = path_text(path)
    return getcwd() + text[1:] if text == "~" or text.startswith("~/") else text


def expandvars(path: Any) -> str:
    """The environment is empty, so nothing is replaced."""
    return path_text(path)


def path_facade() -> dict[str, Any]:
    own = (
        exists, lexists, isfile, isdir, islink, ismount, getsize, getmtime, getatime, getctime, samefile, abspath, realpath,
        relpath, expanduser, expandvars,
    )  # fmt: skip
    return {name: getattr(posixpath, name) for name in _PATH_TEXT.split()} | {each.__name__: each for each in own}


def os_facade() -> dict[str, Any]:
    own = (
        getcwd, listdir, scandir, stat, lstat, access, mkdir, makedirs, remove, rmdir, removedirs, rename, replace, walk, getenv,
        getcwdb, get_terminal_size, cpu_count,
    )  # fmt: skip
    names = {name: getattr(os, name) for name in _OS_PLAIN.split() if hasattr(os, name)}
    return names | {each.__name__: each for each in own} | {"unlink": remove, "environ": HERE.environ}
