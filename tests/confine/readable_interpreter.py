"""An interpreter that any user may run, with this package in it.

Where the one that runs the tests lies in somebody's private home (as pyenv's does in root's), no other user can start
it. Then a copy is made of the standard library, of what `strict` needs, and of the package itself.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

import safe_codeact

_NEEDED = (
    "pydantic", "pydantic_core", "annotated_types", "typing_inspection", "yaml", "_yaml", "RestrictedPython", "cloudpickle",
    "asteval", "psutil", "typer", "rich", "click", "shellingham", "markdown_it", "mdurl", "pygments", "typing_extensions.py",
    "annotated_doc",
)  # fmt: skip
_UNUSED = (
    "test",
    "idlelib",
    "site-packages",
    "ensurepip",
    "lib2to3",
    "tkinter",
    "turtledemo",
    "config-*",
    "__pycache__",
)


def _passable(path: Path) -> bool:
    return all(each.stat().st_mode & 0o005 == 0o005 for each in [path, *path.parents])


def readable_by_anybody() -> bool:
    """Whether everything that an interpreter needs to start can be reached by every user."""
    package = Path(safe_codeact.__file__).parent
    return all(
        _passable(Path(path).resolve())
        for path in (sys.executable, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), package)
    )


def make_copy() -> Path:
    """The copy's folder; the caller removes it. Its path is short: it takes the place of another in the executable."""
    folder = Path(tempfile.mkdtemp(prefix="sc-", dir="/tmp"))
    folder.chmod(0o755)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = folder / "lib" / version
    shutil.copytree(sysconfig.get_path("stdlib"), library, ignore=shutil.ignore_patterns(*_UNUSED))
    base = Path(sys.base_prefix)
    for shared in (base / "lib").glob("libpython*.so*"):
        shutil.copy(shared, folder / "lib")
    (folder / "bin").mkdir()
    data = Path(os.path.realpath(sys.executable)).read_bytes()
    here, there = os.fsencode(base / "lib"), os.fsencode(folder / "lib")
    assert len(there) <= len(here) or here not in data, "the copy's path is too long to be written into the executable"
    program = folder / "bin" / version
    program.write_bytes(data.replace(here, there + b"\0" * (len(here) - len(there))))
    program.chmod(0o755)
    site = library / "site-packages"
    for name in _NEEDED:
        source = Path(sysconfig.get_path("purelib")) / name
        if source.is_dir():
            shutil.copytree(source, site / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, site / name)
    package = Path(safe_codeact.__file__).parent
    shutil.copytree(package, site / "safe_codeact", ignore=shutil.ignore_patterns("__pycache__"))
    if not (package / "policies").is_dir():
        shutil.copytree(package.parent / "policies", site / "safe_codeact" / "policies")
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    return program
