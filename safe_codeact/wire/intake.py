"""How zygote and worker read the host's frames: blocking, one at a time, never a byte past the frame.

Reading exactly one frame matters: descriptors travel with a frame's first byte, and a read past its end would take
those of the next frame along. These bytes come from the host, so the bounds here guard against our own faults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from safe_codeact.wire.decode import read_body, shape_of
from safe_codeact.wire.format import HEAD_BYTES, HEADER_BYTES
from safe_codeact.wire.messages import Message
from safe_codeact.wire.shapes import BY_TAG, Direction, Shape
from safe_codeact.wire.violation import ProtocolViolation

_HOST_SHAPES: Mapping[int, Shape] = {**BY_TAG[Direction.HOST_TO_ZYGOTE], **BY_TAG[Direction.HOST_TO_WORKER]}
_PIECE = 1 << 20  # asked of one recv: it allocates what it is asked for


def read_frame(recv: Callable[[int], bytes]) -> Message:
    """The next message. `recv(n)` blocks and returns 1 to n bytes, or b"" at the end of the stream.

    Raises `EOFError` where the stream ends (the host went away) and `ProtocolViolation` for anything but a message
    that the host may send.
    """
    head = _exactly(recv, HEADER_BYTES + HEAD_BYTES)
    shape = shape_of(head, _HOST_SHAPES)
    length = int.from_bytes(head[:HEADER_BYTES], "big")
    if length <= HEAD_BYTES:
        raise ProtocolViolation("a frame shorter than any message")
    message, _ = read_body(shape, _exactly(recv, length - HEAD_BYTES), 0)
    return message


def _exactly(recv: Callable[[int], bytes], size: int) -> bytes:
    piece = recv(min(size, _PIECE))
    if len(piece) == size:
        return piece
    gathered = bytearray()
    while piece:
        gathered += piece
        if len(gathered) == size:
            return bytes(gathered)
        piece = recv(min(size - len(gathered), _PIECE))
    raise EOFError("the host closed the connection")
