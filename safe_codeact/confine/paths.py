"""What a worker may read besides its slot: the standard library, and the packages that this zygote has loaded.

Threat: site-packages may hold the customer's application, its settings and its keys, and in many layouts it lies inside
the standard library's own folder. So a whole site folder is never granted: where it lies beneath the library, the
library is granted entry by entry, and of the packages only those whose modules were loaded because the policy names
them (with what they themselves import).

Where workers have mounts of their own, the same list is all that is mounted: what is not on it has no name inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath

from safe_codeact.frozen import dataclass

SITE_FOLDERS = ("site-packages", "dist-packages")
# Large, never imported by an action, and each a rule less to install per worker.
_UNUSED = frozenset(
    {"test", "idlelib", "turtledemo", "ensurepip", "lib2to3", "tkinter", "pydoc_data", "venv", "distutils"}
)
ZONES = "/usr/share/zoneinfo"  # zoneinfo, where the system has the time zones


def _is_below(path: PurePath, folder: PurePath) -> bool:
    return path == folder or folder in path.parents


def library_paths(stdlib: str, entries: Iterable[str], sites: Iterable[str]) -> tuple[str, ...]:
    """The standard library: one folder, or its `entries` (names in it) where a site folder lies inside it.

    Also one that is none of `sites`: a virtual environment's interpreter has its own packages, and somebody else's
    application may be among them.
    """
    root, entries = PurePath(stdlib), tuple(entries)
    if not any(entry in SITE_FOLDERS for entry in entries) and not any(
        _is_below(PurePath(site), root) for site in sites
    ):
        return (stdlib,)
    skipped = _UNUSED | set(SITE_FOLDERS)
    return tuple(
        str(root / entry) for entry in sorted(entries) if entry not in skipped and not entry.startswith("config-")
    )


def package_paths(loaded: Mapping[str, str], sites: Iterable[str]) -> tuple[str, ...]:
    """The top-level entries, in the site folders, of loaded modules (module name → its file)."""
    folders = tuple(str(PurePath(site)).rstrip("/") + "/" for site in sites)
    granted: set[str] = set()
    for name, file in loaded.items():  # thousands: as text, which is twenty times as fast as taking paths apart
        for folder in folders:
            if file.startswith(folder):
                top = file[len(folder) :].partition("/")[0]
                # A module that lies in a site folder under another name than its own is an editable install's finder.
                if top.partition(".")[0] == name.partition(".")[0]:
                    granted.add(folder + top)
    return tuple(sorted(granted))


@dataclass(frozen=True, slots=True)
class Layout:
    """What a root folder of its own must hold, so that each path leads to where it led before."""

    mounts: tuple[str, ...]  # without links in them, none below another
    links: tuple[tuple[str, str], ...]  # path → the path without links that it stands for


def layout(wanted: Mapping[str, str]) -> Layout:
    """From the granted paths, each with the path that it stands for once all links are followed (realpath(3)).

    A link inside a mounted folder comes with the folder; where it leads is mounted only if it was itself granted, which is
    also what Landlock says of it.
    """
    mounts = _topmost(wanted.values())
    named = {path for path, real in wanted.items() if path != real}
    links = [
        path for path in _topmost(named) if not any(_is_below(PurePath(path), PurePath(mount)) for mount in mounts)
    ]
    return Layout(mounts, tuple((path, wanted[path]) for path in links))


def _topmost(paths: Iterable[str]) -> tuple[str, ...]:
    """Those that lie below no other one, in order: by their parts, what lies below a path comes right after it."""
    kept: list[str] = []
    for path in sorted({str(PurePath(each)) for each in paths}, key=lambda path: path.split("/")):
        if not kept or not (path + "/").startswith(kept[-1].rstrip("/") + "/"):
            kept.append(path)
    return tuple(kept)
