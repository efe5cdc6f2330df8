"""Claims beside their evidence as the classifier reads them: word pieces, windows, batches."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rag.encoder import minilm_directory
from rag.generator.passages import CLS, SEP
from rag.scoring.features import Lexicon
from rag.scoring.model import ScorerConfig


@dataclass(frozen=True)
class Window:
    """One input of the classifier; a claim whose evidence is long has several."""

    ids: list[int]
    claim_length: int
    """How many of the pieces are the claim's, with the symbols around it."""
    features: list[float]


@dataclass(frozen=True)
class Batch:
    """Windows side by side."""

    ids: Tensor
    segments: Tensor
    features: Tensor


class PairReader:
    """Makes windows of claims and evidence."""

    def __init__(self, config: ScorerConfig) -> None:
        from tokenizers import Tokenizer

        self._config = config
        self._lexicon = Lexicon()
        self._tokenizer = Tokenizer.from_file(str(minilm_directory() / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def read(self, pairs: Sequence[tuple[str, str]]) -> list[list[Window]]:
        """The windows of each (evidence, claim); long evidence is cut into windows that overlap by half."""
        texts = [text for pair in pairs for text in pair]
        pieces = [e.ids for e in self._tokenizer.encode_batch(texts, add_special_tokens=False)]
        return [
            self._windows(pieces[2 * i], pieces[2 * i + 1], self._lexicon.features(*pair))
            for i, pair in enumerate(pairs)
        ]

    def _windows(self, evidence: list[int], claim: list[int], features: list[float]) -> list[Window]:
        before = [CLS, *claim[: self._config.claim_tokens], SEP]
        room = self._config.window - len(before) - 1
        starts = range(0, max(1, len(evidence) - room // 2), max(1, room // 2))
        if len(evidence) <= room:
            starts = range(1)
        return [
            Window([*before, *evidence[start : start + room], SEP], len(before), features) for start in starts
        ]


def collate(windows: Sequence[Window]) -> Batch:
    """Put windows side by side, padded to the longest."""
    longest = max(len(w.ids) for w in windows)
    ids = torch.zeros(len(windows), longest, dtype=torch.long)
    segments = torch.ones(len(windows), longest, dtype=torch.long)
    for row, window in enumerate(windows):
        ids[row, : len(window.ids)] = torch.tensor(window.ids)
        segments[row, : window.claim_length] = 0
    return Batch(ids, segments, torch.tensor([w.features for w in windows]))
