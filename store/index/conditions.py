"""What must and must not be in a text, resolved to the chunks that may be found."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from store.index.keywords import KeywordIndex
from store.index.query import KeywordQuery


def fulfilling(
    keywords: KeywordIndex, all_ids: Callable[[], NDArray[np.int64]], query: KeywordQuery
) -> NDArray[np.int64] | None:
    """Return the ids, ascending, of the texts that fulfil a query's conditions; None: it has none."""
    found: NDArray[np.int64] | None = None
    for phrase in query.required:
        having = keywords.having(phrase)
        if having is not None:
            found = having if found is None else np.intersect1d(found, having, assume_unique=True)
    for phrase in query.excluded:
        having = keywords.having(phrase)
        if having is not None:
            found = np.setdiff1d(all_ids() if found is None else found, having)
    return found
