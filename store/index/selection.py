"""Which vectors may be found."""

from collections.abc import Sequence
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

BITMAP_MAX_ID = 1 << 27
"""Up to this id a filter is a bitmap (16 MiB at most); beyond it, a hash set, which is half as fast."""


def only(ids: NDArray[np.int64]) -> Any:
    """Return what lets FAISS find nothing but these ids."""
    ids = np.ascontiguousarray(ids[ids >= 0], dtype=np.int64)
    wrapped: Any = faiss  # its type stubs do not know what its Python wrappers take
    if len(ids) and ids.max() >= BITMAP_MAX_ID:
        return wrapped.IDSelectorBatch(ids)
    bits = np.zeros(int(ids.max(initial=0)) + 1, dtype=bool)
    bits[ids] = True
    return wrapped.IDSelectorBitmap(np.packbits(bits, bitorder="little"))


def without(ids: NDArray[np.int64]) -> Any:
    """Return what lets FAISS find everything but these ids."""
    wrapped: Any = faiss
    return wrapped.IDSelectorNot(only(ids))


def positions(ids: NDArray[np.int64], wanted: NDArray[np.int64] | Sequence[int]) -> NDArray[np.int64]:
    """Return the places in `ids`, which ascend, of those of `wanted` that are there, in their order."""
    sought = np.asarray(wanted, dtype=np.int64)
    if not len(ids):
        return np.zeros(0, dtype=np.int64)
    places = np.minimum(np.searchsorted(ids, sought), len(ids) - 1)
    return np.asarray(places[ids[places] == sought], dtype=np.int64)
