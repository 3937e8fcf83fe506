"""pandas: which blocks and indexes share memory, and that pandas knows it.

Since version 3, pandas copies on write: a column taken from a frame shares its memory until either is written to,
and pandas finds sharers through an object that the blocks have in common (`refs`).
What doesn't work: pickling blocks as pandas does drops that object. If their arrays then shared memory again, a write
to a frame would show in the column. Copying every array instead would double the state with each derived frame.
What we do: memory stays shared, and so does `refs`. Indexes, which take part in it too, get memory of their own.
"""

from __future__ import annotations

import sys
from typing import Any

from safe_codeact.guest.namespace.rebuild import Rebuilder


def _own_reduction(obj: Any) -> Any:
    """pandas's reduction, from the class: an instance attribute could not stand in for it."""
    return type(obj).__reduce__(obj)  # type: ignore[call-arg]


def _reduce_block(pickler: Any, block: Any) -> Any:
    pickler.needs.add("pandas")
    refs = getattr(block, "refs", None)
    make, (values, indexer, dimensions) = _own_reduction(block)
    if refs is None or make is not sys.modules["pandas._libs.internals"]._unpickle_block:
        return make, (values, indexer, dimensions)
    return Rebuilder.block, (values, indexer, dimensions, refs)


def _reduce_series_manager(pickler: Any, manager: Any) -> Any:
    pickler.needs.add("pandas")
    return type(manager), (manager.blocks[0], manager.axes[0])


def _reduce_refs(_: Any, __: Any) -> Any:
    return Rebuilder.block_refs, ()


def _reduce_index(pickler: Any, index: Any) -> Any:
    pickler.needs.add("pandas")
    make, (kind, contents) = _own_reduction(index)[:2]
    data = contents.get("data")
    if type(data) is sys.modules["numpy"].ndarray:
        own = data.view()
        pickler.alone[id(own)] = own
        contents = {**contents, "data": own}
    return make, (kind, contents)


LATE: dict[str, Any] = {
    "pandas.core.internals.blocks.DatetimeLikeBlock": _reduce_block,
    "pandas.core.internals.blocks.DatetimeTZBlock": _reduce_block,
    "pandas.core.internals.blocks.ExtensionBlock": _reduce_block,
    "pandas.core.internals.blocks.NDArrayBackedExtensionBlock": _reduce_block,
    "pandas.core.internals.blocks.NumericBlock": _reduce_block,
    "pandas.core.internals.blocks.NumpyBlock": _reduce_block,
    "pandas.core.internals.blocks.ObjectBlock": _reduce_block,
    "pandas.core.internals.managers.SingleBlockManager": _reduce_series_manager,
    "pandas._libs.internals.BlockValuesRefs": _reduce_refs,
    "pandas.Index": _reduce_index,
    "pandas.core.indexes.base.Index": _reduce_index,
}
