"""Attention of texts of which some are cut: several cores read a part of their tokens each.

All that a layer does but attention is done for each token by itself. Where a text is cut, each part gives the
keys and values of its tokens to the others, goes on with its whole texts, and attends from its own tokens
when all have come so far. With five texts and two cores, one core would otherwise wait for a sixth of the
time.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

import torch.nn.functional as F
from torch import Tensor

from rag.apart import Grouped, by_products, rounded, weigh
from rag.cores import Piece

_QUERIES = 64  # queries of a piece are rounded up to a multiple: torch keeps a program for each size


class CutText:
    """Keys and values of a text that several parts read."""

    def __init__(self, length: int) -> None:
        """Of so many tokens."""
        self.length = length
        self._making = Lock()
        self._given: list[Tensor] | None = None

    def give(self, turn: int, keys_values: Tensor, first: int) -> None:
        """Tell those of some tokens `(n, 2, heads, d / heads)`.

        `turn` is 0 and 1 by turns, so that nobody writes where others may still read.
        """
        n, _, heads, size = keys_values.shape
        with self._making:
            if self._given is None:
                shape = 2, heads, rounded(self.length), size
                self._given = [keys_values.new_zeros(shape) for _ in range(2)]
        self._given[turn][:, :, first : first + n] = keys_values.permute(1, 2, 0, 3)

    def attend(self, turn: int, queries: Tensor, into: Tensor) -> None:
        """Attention from some tokens, once all keys and values are given: both `(n, heads, d / heads)`."""
        assert self._given is not None, "each piece gives before it attends"
        keys, values = self._given[turn]
        n, heads, size = queries.shape
        if by_products(queries.dtype, self.length):
            q = queries.new_zeros(heads, -(-n // _QUERIES) * _QUERIES, size)
            q[:, :n] = queries.transpose(0, 1)
            if weigh(q, keys, values, self.length, into):
                return
        q, k, v = queries.transpose(0, 1), keys[:, : self.length], values[:, : self.length]
        into.copy_(F.scaled_dot_product_attention(q[None], k[None], v[None])[0].transpose(0, 1))


class Cut:
    """The texts of one part: first the whole ones, of which those of equal length are side by side."""

    def __init__(
        self,
        whole: Sequence[int],
        pieces: Sequence[Piece],
        texts: Mapping[int, CutText],
        meet: Callable[[], object],
    ) -> None:
        """The places of whole texts of so many tokens, and behind them of pieces of cut ones."""
        self._whole = Grouped(whole)
        self._pieces, self._texts, self._meet = pieces, texts, meet
        self._begin = sum(whole)
        self._turn = 0

    def attend(self, qkv: Tensor, heads: int) -> Tensor:
        """Attention of each text's queries, keys and values, `(t, 3 d)`: gives `(t, d)`."""
        self._turn = 1 - self._turn
        of_tokens = qkv.view(len(qkv), 3, heads, -1)
        places = self._places()
        for piece, place in places:
            self._texts[piece.text].give(self._turn, of_tokens[place, 1:], piece.first)
        attended = self._whole.attend(qkv, heads)
        into = attended.view(len(qkv), heads, -1)
        self._meet()
        for piece, place in places:
            self._texts[piece.text].attend(self._turn, of_tokens[place, 0], into[place])
        return attended

    def _places(self) -> list[tuple[Piece, slice]]:
        begin, places = self._begin, []
        for piece in self._pieces:
            places.append((piece, slice(begin, begin + piece.length)))
            begin += piece.length
        return places
