"""numpy arrays: buffers out of band, and views that go on sharing their base's memory.

What doesn't work: numpy's own reduction copies each view, so `b = a[1:]` stops seeing writes to `a` after one turn.
What we do: an array that owns its memory is saved as one buffer; an array over another array's memory is saved as that
array with offset, shape and strides, and rebuilt over it; numpy checks the bounds again when it is loaded.
"""

from __future__ import annotations

import pickle
import sys
from typing import Any


def reduce_array(array: Any, *, alone: bool = False) -> tuple[str, tuple[Any, ...]] | None:
    """The step and its arguments, or None where numpy's own reduction must do (object dtype, odd layouts)."""
    numpy = sys.modules["numpy"]
    base = array.base
    if type(base) is numpy.ndarray and not alone:
        view = _reduce_view(numpy, array, base)
        if view is not None:
            return view
    if array.dtype.hasobject or array.dtype.itemsize == 0:
        return None
    order = "C" if array.flags.c_contiguous else "F"
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        return None
    flat = (array if order == "C" else array.T).reshape(-1).view(numpy.uint8)
    return "array", (pickle.PickleBuffer(flat), array.dtype, array.shape, order, bool(array.flags.writeable))


def _reduce_view(numpy: Any, array: Any, base: Any) -> tuple[str, tuple[Any, ...]] | None:
    if not (base.flags.c_contiguous or base.flags.f_contiguous) or array.dtype.hasobject != base.dtype.hasobject:
        return None
    offset = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    low = high = offset
    for length, stride in zip(array.shape, array.strides, strict=True):
        if length == 0:
            return None
        low += min(0, (length - 1) * stride)
        high += max(0, (length - 1) * stride)
    if low < 0 or high + array.dtype.itemsize > base.nbytes:
        return None  # as_strided past the end: what lies there is not the session's
    return "view", (base, array.dtype, array.shape, offset, array.strides, bool(array.flags.writeable))


def load_array(memory: Any, dtype: Any, shape: tuple[int, ...], order: str, writeable: bool) -> Any:
    numpy = sys.modules["numpy"]
    if dtype.hasobject:
        raise TypeError("an array of objects has no buffer")
    array = numpy.ndarray(shape, dtype, buffer=memory, order=order)
    if not writeable:
        array.flags.writeable = False
    return array


def load_view(
    base: Any, dtype: Any, shape: tuple[int, ...], offset: int, strides: tuple[int, ...], writeable: bool
) -> Any:
    numpy = sys.modules["numpy"]
    if (
        type(base) is not numpy.ndarray
        or dtype.hasobject != base.dtype.hasobject
        or _splits_pointers(dtype, offset, strides)
    ):
        raise TypeError("a view needs an array of the same kind")
    memory = base if base.flags.c_contiguous else base.T
    array = numpy.ndarray(shape, dtype, buffer=memory, offset=offset, strides=strides)
    if not writeable:
        array.flags.writeable = False
    return array


def _splits_pointers(dtype: Any, offset: int, strides: tuple[int, ...]) -> bool:
    """Object pointers read at odd places would be forged pointers."""
    return bool(dtype.hasobject) and any(step % dtype.itemsize for step in (offset, *strides))
