"""What says that a row was written by somebody who has the key: HMAC-SHA256 (RFC 2104), one derived key for each kind.

Threat: somebody can write the database but has no key: changes a row, moves it to another session, version or place, or
takes it from another database. We seal each row together with where it belongs: the database (in the derived keys), the
kind, the session, the version, the number. What still gets through is what we once sealed for the very same place:
restoring an old copy of the whole file, or an old version of one session.

A blob's seal names no session, since versions and forks share blobs: its number does not come twice (63 random bits), and
the sealed version names the numbers.
"""

from __future__ import annotations

import hmac
from typing import Literal

MIN_KEY_BYTES = 32

Kind = Literal["catalogue", "session", "version", "blob"]
_DOMAIN = b"safe_codeact store 1"


class Seal:
    """The seals of one database, by the operator's key."""

    def __init__(self, key: bytes, database: bytes) -> None:
        self._key = hmac.digest(key, _DOMAIN + database, "sha256")
        self._keys: dict[str, bytes] = {}

    def of(self, kind: Kind, *parts: bytes | str | int) -> bytes:
        """The seal of these parts, in this order."""
        return self.begin(kind, *parts).digest()

    def begin(self, kind: Kind, *parts: bytes | str | int) -> hmac.HMAC:
        """A seal that more bytes may be added to: of these parts, then of what is added."""
        key = self._keys.get(kind)
        if key is None:
            key = self._keys[kind] = hmac.digest(self._key, kind.encode(), "sha256")
        sealed = hmac.new(key, digestmod="sha256")
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
            sealed.update(len(data).to_bytes(8, "big") + data)  # no two rows of parts give the same bytes
        return sealed
