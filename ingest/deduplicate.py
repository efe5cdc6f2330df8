"""Recognises near-duplicates: texts that share most of their runs of five words.

MinHash (Broder 1997) gives each text a signature of 64 numbers, two of which agree with the probability of
the texts' Jaccard similarity s. Locality-sensitive hashing makes 16 keys of four numbers each, so that two
texts share a key with probability 1 − (1 − s⁴)¹⁶: 0.9998 at 0.8, 0.988 at 0.7, 0.12 at 0.3. Texts that share
a key are compared word for word, so whatever is found is true.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from store.near_duplicates import Candidate
from store.shingles import Shingles, jaccard, shingle
from store.types import NearDuplicateOf

BANDS = 16
ROWS = 4
"""Numbers of the signature that make one key together."""

_SEED = 7  # stored keys depend on it
_FACTORS = np.array(
    [0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93], np.uint64
)

FindCandidates = Callable[[Sequence[Sequence[int]]], Sequence[Candidate]]
"""Gives the stored documents that share keys with texts: see `store.near_duplicates.find`."""


@dataclass(frozen=True)
class Text:
    """A text that is new or has changed; one that is kept apart is no near-duplicate of anything."""

    source: str
    text: str
    sha256: str
    kept_apart: bool = False


@dataclass(frozen=True)
class Finding:
    """What was found out about a text: its keys, and what it is a near-duplicate of, None: of nothing."""

    bands: Sequence[int]
    near_duplicate_of: NearDuplicateOf | None


def deduplicate(
    texts: Sequence[Text], find_candidates: FindCandidates, threshold: float, corpus_id: int
) -> list[Finding]:
    """Looks for what each text is a near-duplicate of, among stored documents and the texts before it.

    A text is a near-duplicate of the most similar of the documents that are at least `threshold` similar and
    are no near-duplicates themselves, so nothing is hidden behind a text that is not like it.

    Args:
        texts: distinct texts, each about to become the newest version of its source.
        find_candidates: looks in the store.
        threshold: least Jaccard similarity, above 0 and at most 1.
        corpus_id: keys of different corpora never meet.
    """
    if not texts:
        return []
    shingles = shingle([text.text for text in texts])
    keys = band_keys(signatures(shingles), corpus_id)
    bands = keys.tolist()
    repeated = _repeated(keys)
    changing = {text.source for text in texts}
    stored: defaultdict[int, list[Candidate]] = defaultdict(list)
    for candidate in find_candidates(bands):
        if candidate.source not in changing:
            stored[candidate.number].append(candidate)
    by_key: defaultdict[int, list[int]] = defaultdict(list)
    findings = []
    for number, text in enumerate(texts):
        near = None
        if not text.kept_apart:
            earlier = {other for key in repeated.intersection(bands[number]) for other in by_key[key]}
            others = _stored(stored[number])
            others += [_Other(texts[other].sha256, shingles.of(other)) for other in sorted(earlier)]
            near = _nearest(shingles.of(number), others, threshold) if others else None
        if near is None:
            for key in repeated.intersection(bands[number]):
                by_key[key].append(number)
        findings.append(Finding(bands[number], near))
    return findings


def signatures(shingles: Shingles) -> NDArray[np.uint32]:
    """Returns the MinHash signature of each text: shape `(n, BANDS * ROWS)`."""
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        shingles.hashes, shingles.offsets.astype(np.uint64), BANDS * ROWS, _SEED
    )
    return np.array(matrix.to_rows(), np.uint32).reshape(-1, BANDS * ROWS)


def band_keys(signatures: NDArray[np.uint32], corpus_id: int) -> NDArray[np.int64]:
    """Returns the keys under which texts are looked for: shape `(n, BANDS)`."""
    rows = signatures.reshape(-1, BANDS, ROWS).astype(np.uint64)  # (n, b, r)
    keys = rows @ _FACTORS  # (n, b), modulo 2⁶⁴
    place = np.arange(BANDS, dtype=np.uint64) + np.uint64(BANDS * corpus_id)
    keys ^= (place + np.uint64(1)) * _FACTORS[1]
    keys ^= keys >> np.uint64(31)
    keys *= _FACTORS[0]
    return keys.view(np.int64)


def _repeated(keys: NDArray[np.int64]) -> set[int]:
    """Returns the keys that are there more than once."""
    ordered = np.sort(keys, axis=None)
    return set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())


@dataclass(frozen=True)
class _Other:
    """A document that a text may be a near-duplicate of, with the set of its shingles."""

    sha256: str
    shingles: NDArray[np.uint64]


def _stored(candidates: Sequence[Candidate]) -> list[_Other]:
    shingles = shingle([candidate.text for candidate in candidates])
    return [_Other(candidate.sha256, shingles.of(place)) for place, candidate in enumerate(candidates)]


def _nearest(own: NDArray[np.uint64], others: Sequence[_Other], threshold: float) -> NearDuplicateOf | None:
    """Compares a text with others word for word; of two as similar, the first wins."""
    alike = (NearDuplicateOf(other.sha256, jaccard(own, other.shingles)) for other in others)
    best = max(alike, key=lambda near: near.similarity)
    return best if best.similarity >= threshold else None
