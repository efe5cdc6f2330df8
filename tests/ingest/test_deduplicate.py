import random
from collections.abc import Sequence

import numpy as np
import pytest

from ingest.clean import sha256
from ingest.deduplicate import BANDS, Finding, Text, band_keys, deduplicate, signatures
from store.near_duplicates import Candidate
from store.shingles import shingle, similarity


def words(count: int, seed: int = 1) -> list[str]:
    numbers = random.Random(seed)
    return [f"word{numbers.randrange(5000)}" for _ in range(count)]


def changed(text: list[str], places: int, seed: int = 2) -> list[str]:
    numbers = random.Random(seed)
    copy = list(text)
    for place in numbers.sample(range(len(copy)), places):
        copy[place] = f"new{numbers.randrange(5000)}"
    return copy


def text(source: str, content: Sequence[str], *, kept_apart: bool = False) -> Text:
    joined = " ".join(content)
    return Text(source, joined, sha256(joined), kept_apart)


def find(*texts: Text, stored: Sequence[Candidate] = (), threshold: float = 0.8) -> list[Finding]:
    return deduplicate(texts, lambda bands: stored, threshold, corpus_id=1)


def test_similar_text_of_the_batch_is_found_with_its_exact_similarity() -> None:
    base = words(200)
    a, b = text("a", base), text("b", changed(base, 2))
    first, second = find(a, b)
    assert first.near_duplicate_of is None
    assert second.near_duplicate_of is not None
    assert second.near_duplicate_of.sha256 == a.sha256
    assert second.near_duplicate_of.similarity == similarity(a.text, b.text)


def test_text_below_the_threshold_is_its_own() -> None:
    base = words(200)
    a, b = text("a", base), text("b", changed(base, 8))
    assert 0.5 < similarity(a.text, b.text) < 0.8
    assert [finding.near_duplicate_of for finding in find(a, b)] == [None, None]
    assert find(a, b, threshold=0.6)[1].near_duplicate_of is not None


def test_nothing_hides_behind_a_near_duplicate() -> None:
    """b is like a, c like b but not like a: c is indexed, for what stands for b would not stand for c."""
    base = words(200)
    middle = changed(base, 3, seed=3)
    a, b, c = text("a", base), text("b", middle), text("c", changed(middle, 3, seed=4))
    assert similarity(b.text, c.text) > 0.8 > similarity(a.text, c.text)
    found = find(a, b, c)
    assert found[1].near_duplicate_of is not None
    assert found[2].near_duplicate_of is None


def test_most_similar_of_stored_and_earlier_texts_is_taken() -> None:
    base = words(200)
    near, nearer = changed(base, 3), changed(base, 1)
    candidate = Candidate(1, "stored", "s", " ".join(near))
    assert find(text("a", nearer), text("b", base), stored=[candidate])[1].near_duplicate_of is not None
    found = find(text("x", words(9)), text("b", base), stored=[candidate])[1].near_duplicate_of
    assert found is not None
    assert found.sha256 == "s"


def test_stored_text_that_is_about_to_change_stands_for_nothing() -> None:
    base = words(200)
    candidate = Candidate(1, "a", "s", " ".join(base))
    assert find(text("a", words(50)), text("b", base), stored=[candidate])[1].near_duplicate_of is None


def test_text_kept_apart_is_indexed_and_stands_for_others() -> None:
    base = words(200)
    a, b = text("a", base), text("b", changed(base, 1), kept_apart=True)
    c = text("c", changed(base, 1))
    found = find(a, b, c)
    assert found[1].near_duplicate_of is None
    assert found[2].near_duplicate_of is not None
    assert found[2].near_duplicate_of.sha256 == b.sha256


def test_no_texts_have_no_findings() -> None:
    assert find() == []


def test_signatures_estimate_the_similarity() -> None:
    base = words(2_000)
    pair = [" ".join(base), " ".join(changed(base, 80))]
    one, two = signatures(shingle(pair))
    assert np.mean(one == two) == pytest.approx(similarity(*pair), abs=0.15)


def test_keys_of_corpora_never_meet() -> None:
    found = signatures(shingle([" ".join(words(100))]))
    keys = [set(band_keys(found, corpus_id)[0].tolist()) for corpus_id in (1, 2)]
    assert len(keys[0]) == len(keys[1]) == BANDS
    assert not keys[0] & keys[1]


def test_keys_are_the_same_with_every_version_of_the_library() -> None:
    """They are stored: another value means that what is stored must be made again."""
    found = band_keys(signatures(shingle(["to be or not to be, that is the question"])), 1)
    assert found[0, :2].tolist() == [385424934682166395, -4854049369849833092]


@pytest.mark.parametrize("threshold", [0.8, 0.9])
def test_pairs_above_the_threshold_are_found(threshold: float) -> None:
    bases = [words(150, seed) for seed in range(100)]
    texts = [text(f"{n}", base) for n, base in enumerate(bases)]
    copies = [text(f"{n}b", changed(base, 1, seed=n)) for n, base in enumerate(bases)]
    alike = sum(similarity(a.text, b.text) >= threshold for a, b in zip(texts, copies, strict=True))
    found = find(*texts, *copies, threshold=threshold)
    assert alike == 100
    assert sum(finding.near_duplicate_of is not None for finding in found) == alike
