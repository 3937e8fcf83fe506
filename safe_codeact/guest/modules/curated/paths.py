"""The stand-ins for `pathlib`, `glob`, `tempfile` and `shutil`: the originals, inside the workspace.

`Path` is a subclass whose file methods resolve the path before the original method gets it. The methods that only
compute with text are inherited.
"""

from __future__ import annotations

import glob as real_glob
import os
import pathlib
import secrets
import shutil
from collections.abc import Callable, Iterator
from typing import Any

from safe_codeact.guest.modules.curated import operating
from safe_codeact.guest.modules.files import HERE, guarded_open, path_text

_MAGIC = frozenset("*?[")


def _inside(name: str, *, writing: bool = False, follow: bool = True) -> Callable[..., Any]:
    """The method `name` of `pathlib.Path`, on a plain path that was asked once for its text and allowed."""
    original = getattr(pathlib.PosixPath, name)

    def method(self: Path, *args: Any, **kwargs: Any) -> Any:
        plain = pathlib.PosixPath(HERE.reach(self, writing=writing, follow=follow))
        return original(plain, *args, **kwargs)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = original.__doc__
    return method


class Path(pathlib.PosixPath):
    """`pathlib.Path` inside the workspace."""

    __slots__ = ()

    exists = _inside("exists")
    is_file = _inside("is_file")
    is_dir = _inside("is_dir")
    is_symlink = _inside("is_symlink", follow=False)
    stat = _inside("stat")
    lstat = _inside("lstat", follow=False)
    mkdir = _inside("mkdir", writing=True)
    rmdir = _inside("rmdir", writing=True, follow=False)
    unlink = _inside("unlink", writing=True, follow=False)
    touch = _inside("touch", writing=True)

    def open(
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        return guarded_open(self, mode, buffering, encoding, errors, newline)

    def read_text(self, encoding: str | None = None, errors: str | None = None, newline: str | None = None) -> str:
        with self.open("r", -1, encoding, errors, newline) as file:
            return file.read()  # type: ignore[no-any-return]

    def read_bytes(self) -> bytes:
        with self.open("rb") as file:
            return file.read()  # type: ignore[no-any-return]

    def write_text(
        self, data: str, encoding: str | None = None, errors: str | None = None, newline: str | None = None
    ) -> int:
        if not isinstance(data, str):
            raise TypeError(f"data must be str, not {type(data).__name__}")
        with self.open("w", -1, encoding, errors, newline) as file:
            return file.write(data)  # type: ignore[no-any-return]

    def write_bytes(self, data: Any) -> int:
        view = memoryview(data)
        with self.open("wb") as file:
            return file.write(view)  # type: ignore[no-any-return]

    def iterdir(self) -> Iterator[Path]:  # type: ignore[override]
        return map(type(self), pathlib.PosixPath(HERE.reach(self)).iterdir())

    def glob(self, pattern: str, **options: Any) -> Iterator[Path]:  # type: ignore[override]
        return map(type(self), pathlib.PosixPath(HERE.reach(self)).glob(_downwards(pattern), **options))

    def rglob(self, pattern: str, **options: Any) -> Iterator[Path]:  # type: ignore[override]
        return map(type(self), pathlib.PosixPath(HERE.reach(self)).rglob(_downwards(pattern), **options))

    def rename(self, target: Any) -> Path:
        operating.rename(self, target)
        return type(self)(target)

    def replace(self, target: Any) -> Path:  # type: ignore[override]
        operating.replace(self, target)
        return type(self)(target)

    def resolve(self, strict: bool = False) -> Path:
        return type(self)(operating.realpath(self, strict=strict))

    def absolute(self) -> Path:
        return type(self)(os.path.join(operating.getcwd(), path_text(self)))

    def samefile(self, other_path: Any) -> bool:
        return operating.samefile(self, other_path)

    def expanduser(self) -> Path:
        return type(self)(operating.expanduser(self))

    @classmethod
    def cwd(cls) -> Path:
        return cls(operating.getcwd())

    @classmethod
    def home(cls) -> Path:
        return cls(operating.getcwd())


def _unavailable(name: str) -> Callable[..., Any]:
    def method(self: Path, *args: Any, **kwargs: Any) -> Any:
        raise PermissionError(
            f"Path.{name} is not available: links, owners and modes of files are not an action's to see or change."
        )

    method.__name__ = method.__qualname__ = name
    return method


if hasattr(pathlib.PosixPath, "walk"):  # new in 3.12

    def _walk(self: Path, *args: Any, **kwargs: Any) -> Iterator[tuple[Path, list[str], list[str]]]:
        plain: Any = pathlib.PosixPath(HERE.reach(self))
        return ((type(self)(folder), folders, names) for folder, folders, names in plain.walk(*args, **kwargs))

    Path.walk = _walk  # type: ignore[attr-defined]
# Whatever else this Python's `Path` does with files is refused until it is written down above.
for _name in sorted(set(dir(pathlib.PosixPath)) - set(dir(pathlib.PurePosixPath)) - set(vars(Path))):
    if not _name.startswith("_"):
        setattr(Path, _name, _unavailable(_name))
Path.__name__ = Path.__qualname__ = "PosixPath"  # what its repr and error messages show in CPython


def _downwards(pattern: Any) -> str:
    text = path_text(pattern)
    if ".." in text.split("/"):
        raise PermissionError(f"The pattern {text!r} leads upwards; search from a folder of the workspace downwards.")
    return text


def pathlib_facade() -> dict[str, Any]:
    pure = {name: getattr(pathlib, name) for name in ("PurePath", "PurePosixPath", "PureWindowsPath")}
    return pure | {"Path": Path, "PosixPath": Path}


# ---- glob


def iglob(
    pathname: Any, *, root_dir: Any = None, recursive: bool = False, include_hidden: bool = False
) -> Iterator[str]:
    """`glob.iglob`; without a workspace nothing is found."""
    pattern = _downwards(pathname)
    if not HERE.workspace and not HERE.readable:
        return iter(())
    fixed = (
        pattern
        if not _MAGIC & set(pattern)
        else os.path.dirname(pattern[: min(map(pattern.index, _MAGIC & set(pattern)))])
    )
    HERE.reach(os.path.join(path_text(root_dir) if root_dir is not None else "", fixed) or ".")
    root = HERE.reach(root_dir) if root_dir is not None else (HERE.workspace or None)
    return real_glob.iglob(pattern, root_dir=root, recursive=recursive, include_hidden=include_hidden)


def glob(pathname: Any, *, root_dir: Any = None, recursive: bool = False, include_hidden: bool = False) -> list[str]:
    return list(iglob(pathname, root_dir=root_dir, recursive=recursive, include_hidden=include_hidden))


def glob_facade() -> dict[str, Any]:
    return {"glob": glob, "iglob": iglob, "escape": real_glob.escape, "has_magic": real_glob.has_magic}


# ---- tempfile


def gettempprefix() -> str:
    return "tmp"


def gettempdir() -> str:
    return HERE.resolve(".", writing=True)


def _fresh(suffix: str | None, prefix: str | None, folder: Any) -> str:
    name = f"{prefix if prefix is not None else 'tmp'}{secrets.token_hex(4)}{suffix or ''}"
    return os.path.join(HERE.resolve(folder if folder is not None else ".", writing=True), name)


def mkdtemp(suffix: str | None = None, prefix: str | None = None, dir: Any = None) -> str:
    path = HERE.reach(_fresh(suffix, prefix, dir), writing=True)
    os.mkdir(path, 0o700)
    return path


class TemporaryDirectory:
    """`tempfile.TemporaryDirectory` inside the workspace."""

    def __init__(
        self,
        suffix: str | None = None,
        prefix: str | None = None,
        dir: Any = None,
        ignore_cleanup_errors: bool = False,
        *,
        delete: bool = True,
    ) -> None:
        self.name = mkdtemp(suffix, prefix, dir)
        self._delete = delete

    def __enter__(self) -> str:
        return self.name

    def __exit__(self, *exc: object) -> None:
        if self._delete:
            self.cleanup()

    def cleanup(self) -> None:
        rmtree(self.name, ignore_errors=True)


class NamedTemporaryFile:
    """`tempfile.NamedTemporaryFile` inside the workspace: an open file that is removed when it is closed."""

    def __init__(
        self, mode: str = "w+b", buffering: int = -1, encoding: str | None = None, newline: str | None = None, suffix: str | None = None,
        prefix: str | None = None, dir: Any = None, delete: bool = True, *, errors: str | None = None, delete_on_close: bool = True,
    ) -> None:  # fmt: skip
        self.name = _fresh(suffix, prefix, dir)
        self.file: Any = guarded_open(self.name, mode.replace("w", "x"), buffering, encoding, errors, newline)
        self._delete = delete

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["file"], name)  # reached only for public names: the gate renames the private ones

    def __enter__(self) -> NamedTemporaryFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.file)

    def close(self) -> None:
        if not self.file.closed:
            self.file.close()
            if self._delete:
                operating.remove(self.name)


def tempfile_facade() -> dict[str, Any]:
    own = (gettempdir, gettempprefix, mkdtemp, TemporaryDirectory, NamedTemporaryFile)
    return {each.__name__: each for each in own} | {"TemporaryFile": NamedTemporaryFile}


# ---- shutil


def copyfile(src: Any, dst: Any, *, follow_symlinks: bool = True) -> Any:
    shutil.copyfile(HERE.reach(src), HERE.reach(dst, writing=True))
    return dst


def copy(src: Any, dst: Any, *, follow_symlinks: bool = True) -> Any:
    """`shutil.copy` of the content: modes and times of files are not an action's to set, so copies have their own."""
    if os.path.isdir(HERE.reach(dst, writing=True)):
        dst = os.path.join(dst, os.path.basename(path_text(src)))
    return copyfile(src, dst)


def copy2(src: Any, dst: Any, *, follow_symlinks: bool = True) -> Any:
    """As `copy`."""
    return copy(src, dst)


def copytree(
    src: Any,
    dst: Any,
    symlinks: bool = False,
    ignore: Any = None,
    copy_function: Callable[[Any, Any], Any] = copy2,
    ignore_dangling_symlinks: bool = False,
    dirs_exist_ok: bool = False,
) -> Any:
    """`shutil.copytree` of folders and files."""
    source, target = path_text(src), path_text(dst)
    names = operating.listdir(source)
    ignored = frozenset(ignore(source, names)) if ignore is not None else frozenset()
    operating.makedirs(target, exist_ok=dirs_exist_ok)
    for name in sorted(set(names) - ignored):
        one, other = os.path.join(source, name), os.path.join(target, name)
        if os.path.isdir(HERE.reach(one)):
            copytree(one, other, symlinks, ignore, copy_function, ignore_dangling_symlinks, dirs_exist_ok)
        else:
            copy_function(one, other)
    return dst


def move(src: Any, dst: Any) -> Any:
    target = HERE.reach(dst, writing=True)
    if os.path.isdir(target):
        target = os.path.join(target, os.path.basename(path_text(src).rstrip(os.sep)))
        if os.path.lexists(target):
            raise shutil.Error(f"Destination path '{target}' already exists")
        operating.rename(src, target)
        return target
    operating.rename(src, target)
    return dst


def rmtree(path: Any, ignore_errors: bool = False) -> None:
    shutil.rmtree(HERE.reach(path, writing=True, follow=False), ignore_errors)


def get_terminal_size(fallback: tuple[int, int] = (80, 24)) -> os.terminal_size:
    return os.terminal_size(fallback)


def shutil_facade() -> dict[str, Any]:
    own = (copy, copy2, copyfile, copytree, move, rmtree, get_terminal_size)
    plain = ("Error", "SameFileError", "SpecialFileError", "copyfileobj", "ignore_patterns")
    return {each.__name__: each for each in own} | {name: getattr(shutil, name) for name in plain}
