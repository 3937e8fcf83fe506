"""A record as one line, bound to the one before it.

Threat: whoever may write an action chooses most of what a record holds, and wants a line of his own in the file, or a record
that reads as another one. What doesn't work: escaping line ends, since readers of text know nine of them. What we do: JSON in
ASCII, so that the only line end in the file is ours; the hash covers the bytes of the line, not a reading of them, so two
readers cannot disagree about what was hashed. What still gets through: whoever may write the file can make a chain of his own;
only a signature tells (`trail.verify`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

FORMAT = "safe-codeact-trail/1"
FIRST = "0" * 64  # what the first record names as the hash before it
MOST_BYTES = 64 * 1024 * 1024  # of one line; longer ones are no trail's
_HASH = b',"hash":"'
_SIGNATURE = b',"signature":"'
_DIGITS = frozenset(b"0123456789abcdef")


class NoRecord(ValueError):
    """A line that is none of ours; the message says what is wrong with it, and quotes nothing of it."""


def write(record: dict[str, Any], previous: str, key: bytes | None = None) -> tuple[bytes, str]:
    """The line of a record, with its end, and its hash. With a key, the record is signed."""
    text = json.dumps({**record, "previous": previous}, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    # json leaves DEL as it is; a file that people page through holds nothing but printable characters.
    body = text.replace("\x7f", "\\u007f").encode("ascii")[:-1]
    if key is not None:
        body += b'%s%s"' % (_SIGNATURE, sign(body, key).encode())
    digest = hashlib.sha256(body).hexdigest()
    return b'%s%s%s"}\n' % (body, _HASH, digest.encode()), digest


def read(line: bytes) -> dict[str, Any]:
    """The record of a line without its end; its hash is its own. Raises `NoRecord`."""
    body, _, rest = line.rpartition(_HASH)
    if len(rest) != 66 or not rest.endswith(b'"}') or not _DIGITS.issuperset(rest[:64]):
        raise NoRecord("it does not end in a hash")
    if hashlib.sha256(body).hexdigest().encode() != rest[:64]:
        raise NoRecord("its hash is not that of its text")
    try:
        record = json.loads(line.decode("ascii"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise NoRecord("it is no JSON object in ASCII") from None
    if not (type(record.get("n")) is int and all(type(record.get(name)) is str for name in ("at", "kind", "previous"))):
        raise NoRecord("it lacks n, at, kind or previous")
    return dict(record)


def is_signed_by(line: bytes, key: bytes) -> bool:
    """Whether a checkpoint's signature is the key's."""
    body, _, rest = line.rpartition(_HASH)[0].rpartition(_SIGNATURE)
    return hmac.compare_digest(rest, f'{sign(body, key)}"'.encode())


def sign(body: bytes, key: bytes) -> str:
    """HMAC-SHA256 in hex."""
    return hmac.new(key, FORMAT.encode() + b"\0" + body, hashlib.sha256).hexdigest()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two fields of one name read differently to different readers."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field occurs twice")
    return found
