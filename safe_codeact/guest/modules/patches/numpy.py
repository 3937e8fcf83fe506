"""numpy: pickles inside .npy files, raw addresses, and files by descriptor or by URL."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from safe_codeact.guest.guards.refusal import ActionRefused
from safe_codeact.guest.modules.files import HERE
from safe_codeact.guest.modules.patches.doors import close, forget_looked_up, type_contents

# An object array in a .npy file is a pickle. `allow_pickle` can be set on an open NpzFile as well, so it is the loader that goes.
_PICKLES = frozenset(
    {"numpy.lib._format_impl", "numpy.lib.format", "numpy.lib._npyio_impl", "numpy.lib.npyio", "numpy._core._methods"}
)


def _addresses(original: Callable[..., Any]) -> Callable[..., Any]:
    """`array.ctypes`: addresses, and ctypes objects whose classes read any memory.

    scipy hands the parameters of some distributions to its own C code in this way, and to nobody else: it goes on.
    """

    def addresses(*args: Any) -> Any:
        distributions = sys.modules.get("scipy.stats._continuous_distns")
        if distributions is not None and sys._getframe(1).f_globals is vars(distributions):
            return original(*args)
        raise ActionRefused("ndarray.ctypes is not available: it gives raw addresses. Use the array's own methods.")

    return addresses


def patch() -> None:
    close("numpy", pickles_in=_PICKLES)
    internal: Any = sys.modules["numpy._core._internal"]
    internal._ctypes = _addresses(internal._ctypes)
    _patch_types()
    source = sys.modules["numpy.lib._datasource"].DataSource

    def open_local(self: Any, path: Any, mode: str = "r", encoding: Any = None, newline: Any = None) -> Any:
        if self._isurl(path):
            raise ActionRefused(
                f"{path!r} is an address on a network, which an action does not have. Let a tool fetch it."
            )
        return original(self, path, mode, encoding, newline)

    original = source.open
    source.open = open_local


def _patch_types() -> None:
    """`tofile` takes anything with a `fileno`, and so any descriptor; bit generators hand out pointers and functions at them."""
    numpy = sys.modules["numpy"]
    original = numpy.ndarray.tofile

    def tofile(self: Any, fid: Any, sep: str = "", format: str = "%s") -> None:
        if hasattr(fid, "write"):
            text = sep.join(format % (value,) for value in self.ravel().tolist())
            fid.write(text.encode() if sep else self.tobytes())
        else:
            original(self, HERE.reach(fid, writing=True), sep, format)

    type_contents(numpy.ndarray)["tofile"] = tofile
    generator = getattr(sys.modules.get("numpy.random.bit_generator"), "BitGenerator", None)
    for name in ("ctypes", "cffi"):
        if generator is not None:
            type_contents(generator).pop(name, None)
    forget_looked_up()
