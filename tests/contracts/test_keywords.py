"""The keyword contract, run against both backends, and against each other."""

import math
import random
from pathlib import Path

import pytest

from store.errors import IndexCorruptError
from store.index.keywords import KeywordIndex
from store.index.rank_bm25_index import RankBM25Index
from store.index.ranking import Ranking
from store.index.tantivy_index import TantivyIndex
from tests.contracts.keywords import FILLER, KeywordContract, filled, numbers


class TestTantivyIndex(KeywordContract):
    backend = TantivyIndex

    @staticmethod
    def weigh(N: int, n: int) -> float:
        return math.log(1 + (N - n + 0.5) / (n + 0.5))

    def test_every_match_scores_above_zero_even_of_a_word_in_all_texts(self, index: KeywordIndex):
        filled(index, {1: "owl", 2: "owl fox", 3: "owl owl"})
        assert (index.search("owl", 5).scores > 0).all()

    def test_a_damaged_folder_is_refused(self, tmp_path: Path):
        (tmp_path / "index").mkdir()
        (tmp_path / "index" / "meta.json").write_text("{")
        with pytest.raises(IndexCorruptError, match="tantivy cannot open it"):
            TantivyIndex(tmp_path / "index")

    def test_saving_shares_disk_space_and_leaves_no_lock_behind(self, index: KeywordIndex, tmp_path: Path):
        filled(index, {1: "owl", **FILLER}).save(tmp_path / "saved")
        assert not list((tmp_path / "saved").glob(".*.lock"))
        assert all(path.stat().st_nlink == 2 for path in (tmp_path / "saved").glob("*.term"))


class TestRankBM25Index(KeywordContract):
    backend = RankBM25Index

    @staticmethod
    def weigh(N: int, n: int) -> float:
        return math.log((N - n + 0.5) / (n + 0.5))

    def test_a_word_in_most_texts_is_found_whatever_its_weight(self, index: KeywordIndex):
        filled(index, {1: "owl", 2: "owl fox", 3: "owl owl"})
        assert sorted(index.search("owl", 5).ids.tolist()) == [1, 2, 3]

    def test_a_damaged_file_is_refused(self, tmp_path: Path):
        (tmp_path / "index").mkdir()
        (tmp_path / "index" / "texts.jsonl").write_text('{"id": 1}\n')
        with pytest.raises(IndexCorruptError, match="not what was written"):
            RankBM25Index(tmp_path / "index")


def tiers(ranking: Ranking) -> list[set[int]]:
    """The ids of a ranking as sets of equal score, best first."""
    found: dict[float, set[int]] = {}
    for chunk_id, score in zip(ranking.ids.tolist(), ranking.scores.tolist(), strict=True):
        found.setdefault(score, set()).add(chunk_id)
    return list(found.values())


def test_both_backends_order_the_texts_of_one_word_alike(tmp_path: Path):
    """One word has one weight, so whatever the weight is, the order is the same up to ties.

    Every word is in less than half of the texts, and no text is longer than the 40 words up to which
    tantivy keeps lengths exactly.
    """
    draw = random.Random(7)
    words = [f"w{i}" for i in range(40)]
    texts = {i: " ".join(draw.choices(words, k=draw.randint(5, 18))) for i in range(300)}
    tantivy = filled(TantivyIndex(tmp_path / "tantivy"), texts)
    reference = filled(RankBM25Index(tmp_path / "reference"), texts)
    for word in words:
        assert tiers(tantivy.search(word, 500)) == tiers(reference.search(word, 500)), word
    tantivy.close()


def test_both_backends_find_the_same_texts_with_and_without_a_filter(tmp_path: Path):
    draw = random.Random(8)
    words = [f"w{i}" for i in range(200)]
    texts = {i: " ".join(draw.choices(words, k=30)) for i in range(300)}
    tantivy = filled(TantivyIndex(tmp_path / "tantivy"), texts)
    reference = filled(RankBM25Index(tmp_path / "reference"), texts)
    for _ in range(20):
        query, allowed = " ".join(draw.choices(words, k=3)), numbers(*draw.sample(range(300), 100))
        for permitted in (None, allowed):
            assert set(tantivy.search(query, 500, permitted).ids.tolist()) == set(
                reference.search(query, 500, permitted).ids.tolist()
            )
    tantivy.close()
