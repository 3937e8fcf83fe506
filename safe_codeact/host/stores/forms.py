"""The stored form of a version and of a session's head: JSON, written here and read here only after its seal was checked.

JSON, because a host never unpickles, and because a reader of the database can see what is in it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, field
from typing import Any

from safe_codeact.errors import StoreError
from safe_codeact.frozen import dataclass
from safe_codeact.host.stores.store import Origin
from safe_codeact.host.vault import Kept, Saved
from safe_codeact.host.workspace import parts_of


@dataclass(frozen=True, slots=True)
class Label:
    """What a store knows a file of a vault by."""

    number: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is said of a session, besides its versions. `committed` in seconds since 1970."""

    version: int
    committed: float
    checkpoints: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    origin: Origin = field(default_factory=Origin)

    def pack(self) -> bytes:
        """As it is stored."""
        return _packed(asdict(self))

    @classmethod
    def unpack(cls, data: bytes) -> Head:
        """What `pack` gave."""
        form = json.loads(data)
        lists = {name: tuple(form.pop(name)) for name in ("checkpoints", "dropped")}
        return cls(**{**form, **lists, "origin": Origin(**form["origin"])})


def pack_version(saved: Saved, labels: Mapping[str, Label], journal: bytes = b"") -> bytes:
    """As it is stored: the numbers and sizes of its blobs instead of a vault's names for them."""

    def labelled(blob: str) -> list[int]:
        return [labels[blob].number, labels[blob].size]

    files = [
        [kept.path, labelled(kept.blob) if kept.blob else [], kept.target, int(kept.executable)] for kept in saved.files
    ]
    form: dict[str, Any] = {"names": [labelled(blob) for blob in saved.names], "files": files}
    if journal:
        form["journal"] = base64.b64encode(journal).decode("ascii")
    return _packed(form)


def journal_of(data: bytes) -> bytes:
    """The journal that `pack_version` was given."""
    return base64.b64decode(json.loads(data).get("journal", ""), validate=True)


def unpack_version(data: bytes, placed: Callable[[Label], str]) -> Saved:
    """What `pack_version` was given; `placed` says where in a vault a blob lies now.

    Raises `StoreError` for files that are no tree below the workspace, whoever sealed them.
    """
    form: dict[str, Any] = json.loads(data)
    names = tuple(placed(Label(*label)) for label in form["names"])
    files = tuple(
        Kept(path=path, blob=placed(Label(*label)) if label else "", target=target, executable=bool(executable))
        for path, label, target, executable in form["files"]
    )
    _require_tree(files)
    return Saved(names, files)


def labels_of(*versions: bytes) -> set[Label]:
    """The blobs of stored versions."""
    labels: set[Label] = set()

    def seen(label: Label) -> str:
        labels.add(label)
        return str(label.number)

    for data in versions:
        unpack_version(data, seen)
    return labels


def _require_tree(files: tuple[Kept, ...]) -> None:
    folders = {kept.path for kept in files if not kept.blob and not kept.target}
    seen: set[str] = set()
    for kept in files:
        try:
            parts = parts_of(kept.path)
        except ValueError as error:
            raise StoreError(f"a stored workspace cannot be made: {error}") from None
        above = "/".join(parts[:-1])
        if "/".join(parts) != kept.path or kept.path in seen or (above and above not in folders):
            raise StoreError(
                f"a stored workspace cannot be made: {kept.path!r} is there twice, is not written plainly, or does not lie "
                "in a folder"
            )
        seen.add(kept.path)


def _packed(form: Any) -> bytes:
    return json.dumps(form, separators=(",", ":"), ensure_ascii=True).encode("ascii")
