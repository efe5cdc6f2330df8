"""How well and how fast near-duplicates are found.

    python -m bench.neardup FILE [--documents 1000000]

On a file of JSON lines with a `text` each: every pair of texts whose exact Jaccard similarity (sets of five
words in a row, as Python tuples) is at least the threshold is the truth; a pair is found when the texts share
a key and compare as similar. The same is done with the signatures of datasketch, for comparison.
On made-up documents: how long shingles, signatures, keys, grouping and comparing take on all cores.
"""

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from bench.environment import environment, report
from ingest.deduplicate import BANDS, ROWS, band_keys, signatures
from rag.training.data import read_lines
from store.shingles import WORDS, Shingles, jaccard, shingle, similarity

TOKENS = 130
VOCABULARY = 50_000
COPIED = 0.2
BATCH = 5_000

Pairs = set[tuple[int, int]]
Sign = Callable[[Shingles], NDArray[np.uint32]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--threshold", type=float, default=0.8)
    parser.add_argument("--limit", type=int, help="only the first so many texts of the file")
    parser.add_argument("--documents", type=int, default=20_000, help="how many made-up documents; 0: none")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    texts = [json.loads(line)["text"] for line in islice(read_lines(arguments.file), arguments.limit)]
    figures = quality(texts, arguments.threshold)
    if arguments.documents:
        figures |= speed(arguments.documents, arguments.processes, arguments.seed, arguments.threshold)
    report(f"Near-duplicates in {arguments.file.name}", figures, arguments.out, env)


def quality(texts: Sequence[str], threshold: float) -> dict[str, Any]:
    """Precision and recall on pairs, with our library's signatures and with datasketch's."""
    true = true_pairs(texts, threshold)
    figures: dict[str, Any] = {"texts": len(texts), "threshold": threshold, "true_pairs": len(true)}
    shingles = shingle(texts)
    sets = [shingles.of(number) for number in range(len(texts))]
    libraries: dict[str, Sign] = {"rensa": signatures, "datasketch": datasketch_signatures}
    for name, sign in libraries.items():
        begun = time.perf_counter()
        keys = band_keys(sign(shingles), 0)
        seconds = time.perf_counter() - begun
        candidates = pairs_sharing_keys(keys)
        found = {pair for pair in candidates if jaccard(sets[pair[0]], sets[pair[1]]) >= threshold}
        figures |= {
            f"{name}_signatures_per_s": len(texts) / seconds,
            f"{name}_candidate_pairs": len(candidates),
            f"{name}_precision": len(found & true) / max(len(found), 1),
            f"{name}_recall": len(found & true) / max(len(true), 1),
        }
    return figures


def true_pairs(texts: Sequence[str], threshold: float) -> Pairs:
    """All pairs at least so similar, found without hashing: by counting shared runs of words."""
    numbers: dict[tuple[str, ...], int] = {}
    indices: list[int] = []
    ends = [0]
    for text in texts:
        words = text.lower().split()
        runs = {tuple(words[start : start + WORDS]) for start in range(max(len(words) - WORDS + 1, 1))}
        indices += [numbers.setdefault(run, len(numbers)) for run in runs]
        ends.append(len(indices))
    ones = np.ones(len(indices), np.int32)
    matrix = csr_matrix((ones, indices, ends), shape=(len(texts), len(numbers)))
    sizes = np.diff(ends)
    pairs: Pairs = set()
    for start in range(0, len(texts), 500):
        shared = (matrix[start : start + 500] @ matrix.T).tocoo()
        rows = shared.row + start
        alike = shared.data / (sizes[rows] + sizes[shared.col] - shared.data) >= threshold
        kept = alike & (rows < shared.col)
        pairs |= set(zip(rows[kept].tolist(), shared.col[kept].tolist(), strict=True))
    return pairs


def datasketch_signatures(shingles: Shingles) -> NDArray[np.uint32]:
    """Return the same as `signatures`, made by datasketch."""
    from datasketch import MinHash

    rows = []
    for start, end in pairwise(shingles.offsets):
        sketch = MinHash(BANDS * ROWS, hashfunc=int)
        sketch.update_batch((shingles.hashes[start:end] & np.uint64(0xFFFFFFFF)).tolist())
        rows.append(sketch.hashvalues)
    return np.array(rows, np.uint32)


def pairs_sharing_keys(keys: NDArray[np.int64]) -> Pairs:
    """All pairs of rows that have a key in common, the smaller number first."""
    pairs: Pairs = set()
    for band in range(keys.shape[1]):
        for group in groups(keys[:, band]):
            members = sorted(group.tolist())
            pairs |= {(a, b) for place, a in enumerate(members) for b in members[place + 1 :]}
    return pairs


def groups(keys: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The places of each key that is there more than once, in order."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=keys[order[0]] - 1))
    ends = np.append(starts[1:], len(keys))
    for place in np.flatnonzero(ends - starts > 1):
        yield order[starts[place] : ends[place]]


def speed(documents: int, processes: int, seed: int, threshold: float) -> dict[str, Any]:
    """Time everything from texts to verified copies of earlier documents."""
    texts, originals = made_up(documents, seed)
    process = psutil.Process()
    before = process.memory_info().rss
    batches = [texts[start : start + BATCH] for start in range(0, documents, BATCH)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(keys_of, [texts[:1]] * processes)  # starting is not measured
        begun = time.perf_counter()
        keys = np.concatenate(list(pool.imap(keys_of, batches)))
        keyed_s = time.perf_counter() - begun
        workers = sum(child.memory_info().rss for child in process.children())
        pairs = list(earlier_pairs(keys))
        parts = [pairs[start : start + BATCH] for start in range(0, len(pairs), BATCH)]
        alike = pool.imap(similarities, [[(texts[a], texts[b]) for a, b in part] for part in parts])
        copies = {
            place
            for part, found in zip(parts, alike, strict=True)
            for (_, place), similar in zip(part, found, strict=True)
            if similar >= threshold
        }
    seconds = time.perf_counter() - begun
    true = {p for p, o in originals.items() if similarity(texts[p], texts[o]) >= threshold}
    return {
        "documents": documents,
        "processes": processes,
        "seconds": seconds,
        "keys_s": keyed_s,
        "documents_per_s": documents / seconds,
        "million_documents_s": 1e6 * seconds / documents,
        "compared_pairs": len(pairs),
        "copies": len(true),
        "copies_found": len(copies & true) / max(len(true), 1),
        "memory_of_texts_mib": before / 2**20,
        "memory_beside_mib": (process.memory_info().rss - before + workers) / 2**20,
    }


def keys_of(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return the keys of texts: what one process does of the work."""
    return band_keys(signatures(shingle(texts)), 0)


def earlier_pairs(keys: NDArray[np.int64]) -> Pairs:
    """Return each document with the first and with the last of those before it that share a key with it."""
    pairs: Pairs = set()
    for band in range(keys.shape[1]):
        for group in groups(keys[:, band]):
            members = group.tolist()
            pairs |= {(members[0], place) for place in members[1:]} | set(pairwise(members))
    return pairs


def similarities(pairs: Sequence[tuple[str, str]]) -> list[float]:
    """Return how alike the texts of each pair are."""
    shingles = shingle([text for pair in pairs for text in pair])
    return [jaccard(shingles.of(2 * place), shingles.of(2 * place + 1)) for place in range(len(pairs))]


def made_up(documents: int, seed: int) -> tuple[list[str], dict[int, int]]:
    """Documents of random words; a fifth are earlier ones with one or two words changed, noted by place."""
    rng = np.random.default_rng(seed)
    words = np.array([f"w{number}" for number in range(VOCABULARY)])
    texts: list[str] = []
    originals: dict[int, int] = {}
    for place in range(documents):
        if place and rng.random() < COPIED:
            originals[place] = int(rng.integers(place))
            copy = texts[originals[place]].split(" ")
            for changed in rng.integers(TOKENS, size=rng.integers(1, 3)):
                copy[changed] = f"x{rng.integers(VOCABULARY)}"
            texts.append(" ".join(copy))
        else:
            texts.append(" ".join(words[rng.integers(VOCABULARY, size=TOKENS)].tolist()))
    return texts, originals


if __name__ == "__main__":
    main()
