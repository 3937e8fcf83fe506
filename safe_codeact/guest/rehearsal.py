"""A whole action of our own, in a worker that stands by: the next one finds the pages that it writes to copied already.

A worker is a copy of its zygote, page by page, at the first write to each: an action of one line copies a thousand pages.
That is most of its time, and it can be spent while nobody waits.
What it relies on: the source is a constant of ours and runs in the locked-down worker, before it reads the first byte of
anybody's, so nothing is judged or held less than before. What an action leaves behind in its process, the next one sets
anew: namespace, builtins, streams, folder, randomness, clocks; the memory limit is put back here. What cannot be taken
back, the audit hook and the copying of files, is left out.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import sys
from collections.abc import Iterator

from safe_codeact.guest.channel import Channel
from safe_codeact.guest.deadline import Deadline
from safe_codeact.wire import messages
from safe_codeact.wire.encode import frame
from safe_codeact.wire.intake import read_frame

_WALL_SECONDS = 5.0
_SOURCE = (
    "1 + 1"  # what every action touches; a first operation of pandas would be 6 MiB more of each worker's own memory
)


def request() -> messages.Execute:
    """As it would have come from the host."""
    asked = messages.Execute(source=_SOURCE, tools=[], segments=0, wall_seconds=_WALL_SECONDS, workspace="")
    heard = read_frame(io.BytesIO(frame(asked)).read)
    assert isinstance(heard, messages.Execute)
    return heard


class Unheard(Channel):
    """A channel that nobody is at the other end of: frames are made and dropped, states go to /dev/null."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self.descriptors = [os.dup(1)]

    def send(self, message: messages.WorkerMessage) -> None:
        """Make the frame."""
        frame(message)


@contextlib.contextmanager
def taken_back() -> Iterator[None]:
    """What a rehearsal changed and the next action would not set anew."""
    streams, limits = (sys.stdout, sys.stderr), resource.prlimit(0, resource.RLIMIT_DATA)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        resource.prlimit(0, resource.RLIMIT_DATA, limits)
