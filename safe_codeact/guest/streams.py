"""stdout and stderr of an action: text, sent as it comes, cut at the source.

The head goes out as it is written; past half of the limit the rest is kept in a ring, and its last part is sent at the
end, with a line between that says how much is missing: the end of an output is where the error stands. The host counts
again and believes none of this.
"""

from __future__ import annotations

import io
import time
from collections import deque
from collections.abc import Callable

from safe_codeact.gate.names import plain_text

_CHUNK = 8 * 1024  # characters per frame: a frame holds at most 64 KiB of UTF-8
_HOLD_SECONDS = 0.05  # a slow printer is seen; a fast one costs few frames


class Budget:
    """What both streams of one action may still send, in bytes of UTF-8."""

    def __init__(self, limit: int, *, truncate: bool) -> None:
        self.limit = limit
        self.head_left = limit // 2 if truncate else limit
        self.tail_left = limit - limit // 2
        self.truncate = truncate
        self.written = 0


class Stream(io.TextIOBase):
    """A text stream that ends at the host."""

    def __init__(self, name: str, send: Callable[[str, str], None], budget: Budget) -> None:
        self._name = name
        self._send = send
        self._budget = budget
        self._waiting: list[str] = []
        self._waiting_size = 0
        self._sent_at = 0.0
        self._tail: deque[str] = deque()
        self._tail_size = 0
        self._dropped = 0

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def name(self) -> str:
        return f"<{self._name}>"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        """Accepts any str; lone surrogates are written as escapes, as a terminal would refuse them."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        shown = plain_text(text).encode("utf-8", "backslashreplace").decode("utf-8")
        size = len(shown.encode("utf-8"))
        self._budget.written += size
        if size > self._budget.head_left and not self._budget.truncate:
            # The host ends the action at the first byte beyond. More of them may reach it in one piece with the others,
            # and what is far beyond the limit is no output to it, but an attack.
            shown = shown.encode("utf-8")[: max(self._budget.head_left, 0) + 4].decode("utf-8", "ignore")
            size = len(shown.encode("utf-8"))
        if size <= self._budget.head_left or not self._budget.truncate:
            self._budget.head_left -= size
            self._waiting.append(shown)
            self._waiting_size += len(shown)
            if self._waiting_size >= _CHUNK or time.monotonic() - self._sent_at > _HOLD_SECONDS:
                self.flush()
        else:
            head = shown.encode("utf-8")[: self._budget.head_left].decode("utf-8", "ignore")
            self._budget.head_left = 0  # what comes later must not overtake what is held back
            self._waiting.append(head)
            self._hold(shown[len(head) :])
        return len(text)

    def flush(self) -> None:
        """Send what is waiting."""
        if self._waiting:
            text = "".join(self._waiting)
            self._waiting.clear()
            self._waiting_size = 0
            for start in range(0, len(text), _CHUNK):
                self._send(self._name, text[start : start + _CHUNK])
        self._sent_at = time.monotonic()

    def finish(self) -> None:
        """Send the rest: what was held back, cut at its front if it does not fit."""
        self.flush()
        if not self._tail:
            return
        kept = "".join(self._tail)
        encoded = kept.encode("utf-8")
        if len(encoded) > self._budget.tail_left:
            cut = encoded[len(encoded) - self._budget.tail_left :].decode("utf-8", "ignore")
            self._dropped += len(encoded) - len(cut.encode("utf-8"))
            kept = cut
        self._budget.tail_left -= min(self._budget.tail_left, len(kept.encode("utf-8")))
        notice = f"\n[… {self._dropped:,} bytes of {self._name} left out: the limit is {self._budget.limit:,} …]\n"
        self._waiting.append((notice if self._dropped else "") + kept)
        self._tail.clear()
        self.flush()

    def _hold(self, text: str) -> None:
        room = self._budget.limit - self._budget.limit // 2
        self._tail.append(text if len(text) <= room else text[-room:])
        self._dropped += len(text[:-room].encode("utf-8")) if len(text) > room else 0
        self._tail_size += len(self._tail[-1])
        while self._tail_size - len(self._tail[0]) >= room:
            first = self._tail.popleft()
            self._tail_size -= len(first)
            self._dropped += len(first.encode("utf-8"))
