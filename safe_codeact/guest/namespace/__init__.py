"""The namespace store's inside: a session's names to bytes and back. The only place of `pickle`; only in the worker.

Threat: the bytes hold whatever model code put there; loading them runs before the action, in a process that may call
tools. What doesn't work is in each module's head. What we do: `reduce` reads objects beneath their classes, `rebuild`
makes them by steps that write only to what they made, `known` decides what may be named outside, `layout` believes no
length. What still gets through: a worker that was taken over writes what it likes, to be read by a worker that is
confined alike and belongs to the same session.

    layout     one file's format           segments   a version's files, and what in them is as it was
    allowed    what may be named           known      how a name is looked up
    raw        reading objects beneath their classes
    reduce     object → step (saving)      rebuild    step → object (loading)
    classes, instances, values, arrays     the reductions by kind
    pickled    names to a stream           loading    a stream to names; patient, where that fails
    snapshot   save and restore            lost       what stands for what could not be made
    frames     pandas's shared memory      beside     random seeds, open figures
    settings   what libraries were told    describe, plain   bounded views for people and programs
"""

from __future__ import annotations

from safe_codeact.guest.namespace.beside import Beside
from safe_codeact.guest.namespace.describe import Described, describe
from safe_codeact.guest.namespace.known import DefaultKnown, Known
from safe_codeact.guest.namespace.layout import SnapshotError
from safe_codeact.guest.namespace.pickled import StateTooLarge
from safe_codeact.guest.namespace.plain import NotPlainValue, to_plain
from safe_codeact.guest.namespace.segments import FileSegment, HeldSegment, Segments
from safe_codeact.guest.namespace.settings import Settings
from safe_codeact.guest.namespace.snapshot import Earlier, Saved, needs, restore, save
from safe_codeact.guest.namespace.values import words_in

__all__ = [
    "Beside",
    "DefaultKnown",
    "Described",
    "Earlier",
    "FileSegment",
    "HeldSegment",
    "Known",
    "NotPlainValue",
    "Saved",
    "Segments",
    "Settings",
    "SnapshotError",
    "StateTooLarge",
    "describe",
    "needs",
    "restore",
    "save",
    "to_plain",
    "words_in",
]
