"""Names that C code asks any object for, and believes: where its memory is. `guest.modules.patches.protocols` silences them."""

from __future__ import annotations

from typing import Any

from safe_codeact.gate.names import words

UNANSWERED = words(
    "__array_interface__ __array_struct__ __cuda_array_interface__ __dlpack__ __dlpack_device__ __dataframe__ "
    "__arrow_c_array__ __arrow_c_stream__ __arrow_c_schema__ __arrow_c_device_array__ __arrow_c_device_stream__"
)


def is_answered(obj: Any, name: str) -> bool:
    """Whether a name of `dir(obj)` is one of the object's own, rather than what silences it on `object`."""
    return name not in UNANSWERED or any(
        name in type.__dict__["__dict__"].__get__(kind)
        for kind in type.mro(obj if isinstance(obj, type) else type(obj))[:-1]
    )
