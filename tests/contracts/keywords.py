"""What every keyword index must do; a backend's test class inherits `KeywordContract` and names it."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from store.index import keywords
from store.index.analysis import Analysis
from store.index.keywords import KeywordIndex

# It keeps the words that tests look for in less than half of the texts, where the reference weighs them by
# its formula and not by its floor.
FILLER = {
    90: "granite quarry",
    91: "violin sonata",
    92: "harbour crane",
    93: "copper kettle",
    94: "meadow lark",
}


def numbers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def filled(index: KeywordIndex, texts: Mapping[int, str]) -> KeywordIndex:
    index.add(numbers(*texts), list(texts.values()))
    index.commit()
    return index


def bm25(
    texts: Mapping[int, str], query: str, weigh: Callable[[int, int], float], k1: float = 1.2, b: float = 0.75
) -> dict[int, float]:
    """BM25 as the papers give it, over plain words: for texts whose words have no endings to cut."""
    counts = {chunk_id: Counter(text.split()) for chunk_id, text in texts.items()}
    average = sum(c.total() for c in counts.values()) / len(texts)
    scores = {}
    for chunk_id, count in counts.items():
        score = 0.0
        for word in query.split():
            n = sum(word in other for other in counts.values())
            f = count[word]
            norm = f + k1 * (1 - b + b * count.total() / average)
            score += weigh(len(texts), n) * f * (k1 + 1) / norm
        if any(count[word] for word in query.split()):
            scores[chunk_id] = score
    return scores


class KeywordContract:
    backend: ClassVar[type[KeywordIndex]]

    @staticmethod
    def weigh(N: int, n: int) -> float:
        """The backend's documented weight of a term in n of N texts, for n below half of N."""
        raise NotImplementedError

    @pytest.fixture
    def index(self, tmp_path: Path):
        index = self.backend(tmp_path / "index")
        yield index
        index.close()

    def test_scores_are_bm25(self, index: KeywordIndex):
        texts = {1: "owl", 2: "owl owl fox", 3: "fox elk elk hen hen", 4: "elk", 5: "hen", **FILLER}
        found = filled(index, texts).search("owl fox", 10)
        expected = bm25(texts, "owl fox", self.weigh)
        assert found.ids.tolist() == sorted(expected, key=lambda chunk_id: (-expected[chunk_id], chunk_id))
        assert found.scores.tolist() == pytest.approx([expected[i] for i in found.ids.tolist()], rel=1e-3)

    def test_a_word_twice_in_the_query_counts_twice(self, index: KeywordIndex):
        filled(index, {1: "owl", 2: "fox", **FILLER})
        once, twice = index.search("owl", 5), index.search("owl owl", 5)
        assert twice.scores[0] == pytest.approx(2 * once.scores[0], rel=1e-3)

    def test_equal_texts_come_in_the_order_of_their_ids(self, index: KeywordIndex):
        filled(index, dict.fromkeys((8, 3, 9, 1, 7), "red barn"))
        filled(index, dict.fromkeys((6, 2, 5), "red barn") | dict.fromkeys(range(20, 40), "blue sky"))
        assert index.search("barn", 20).ids.tolist() == [1, 2, 3, 5, 6, 7, 8, 9]
        assert index.search("barn", 3).ids.tolist() == [1, 2, 3]

    def test_search_finds_other_forms_of_a_word(self, index: KeywordIndex):
        filled(index, {1: "He was running to the cafés", 2: "nothing of the sort", **FILLER})
        assert index.search("CAFE runs", 5).ids.tolist() == [1]

    def test_search_finds_words_of_other_scripts(self, index: KeywordIndex):
        texts = {1: "مرحبا بالعالم", 2: "שלום עולם", 3: "東京の天気", 4: "हिन्दी भाषा", 5: "to the 🚀 moon"}
        filled(index, texts | FILLER)
        for query, expected in [("بالعالم", 1), ("עולם", 2), ("天気は", 3), ("हिन्दी", 4), ("🚀", 5)]:
            assert index.search(query, 5).ids.tolist() == [expected], query

    def test_composed_and_decomposed_accents_are_the_same(self, index: KeywordIndex):
        filled(index, {1: "Zoe\u0308 \u00e5ngstro\u0308m", **FILLER})
        assert index.search("Zo\u00eb", 5).ids.tolist() == [1]
        assert index.search("a\u030angstr\u00f6m", 5).ids.tolist() == [1]

    @pytest.mark.parametrize(
        "query", ["", " \n\t", "👩\u200d🚀🏽", "?!", "\u202e", "***", "\x00", "\ud800", "zebra"]
    )
    def test_a_query_without_known_words_finds_nothing(self, index: KeywordIndex, query: str):
        assert len(filled(index, FILLER).search(query, 5)) == 0

    @pytest.mark.parametrize(
        "query",
        [
            '"owl', "owl AND", "text:owl", "owl~2 *", "+owl -owl", "(owl", "owl^99999", "[a-z]+|owl",
            "/owl/", "owl\\", "id:[0 TO 99] owl", "^(owl+)+$", "NOT owl", "'; DROP TABLE chunks; -- owl",
        ],
    )  # fmt: skip
    def test_nothing_in_a_query_is_syntax(self, index: KeywordIndex, query: str):
        filled(index, {1: "the owl at night", **FILLER})
        assert index.search(query, 5).ids.tolist() == [1]

    def test_a_query_of_stop_words_alone_searches_for_them(self, index: KeywordIndex):
        filled(index, {1: "to be or not to be", **FILLER})
        assert index.search("to be or not", 5).ids.tolist() == [1]

    def test_stop_words_beside_other_words_do_not_matter(self, index: KeywordIndex):
        filled(index, {1: "the owl", 2: "of the and to", **FILLER})
        assert index.search("of the owl and to", 5).ids.tolist() == [1]

    def test_a_query_of_ten_thousand_words_works(self, index: KeywordIndex):
        filled(index, {1: "word7 word8", 2: "word9999", **FILLER})
        query = " ".join(f"word{i}" for i in range(10_000))
        assert index.search(query, 5).ids.tolist() == [1, 2]

    def test_k_may_exceed_the_number_of_texts(self, index: KeywordIndex):
        filled(index, {1: "owl", 2: "owl fox", **FILLER})
        assert sorted(index.search("owl fox", 10**9).ids.tolist()) == [1, 2]

    @pytest.mark.parametrize("k", [0, -1])
    def test_k_must_be_positive(self, index: KeywordIndex, k: int):
        with pytest.raises(ValueError, match="at least 1"):
            filled(index, FILLER).search("owl", k)

    def test_an_empty_index_finds_nothing(self, index: KeywordIndex):
        assert len(index) == len(index.search("owl", 5)) == len(index.search("owl", 5, numbers(1))) == 0

    def test_texts_without_words_are_counted_but_not_found(self, index: KeywordIndex):
        filled(index, {1: "", 2: "...", 3: " "})
        assert len(index) == 3
        assert len(index.search("owl ...", 5)) == 0

    def test_only_allowed_ids_are_found_and_as_many_as_there_are(self, index: KeywordIndex):
        filled(index, {i: "owl " * (200 - i) + "fox" for i in range(200)})
        filled(index, dict.fromkeys(range(900, 1200), "elk"))
        allowed = numbers(*range(165, 200), 900, 10**12, -1)
        assert index.search("owl", 30, allowed).ids.tolist() == list(range(165, 195))
        assert len(index.search("owl", 100, allowed)) == 35

    def test_a_broad_filter_is_exact_however_the_matches_are_spread(self, index: KeywordIndex):
        filled(index, dict.fromkeys(range(2500), "owl"))  # the best matches, and the most, are not allowed
        filled(index, {i: "owl fox" if i % 1000 < 9 else "elk" for i in range(3000, 6000)})
        allowed = np.arange(3000, 6000)
        matches = [i for i in range(3000, 6000) if i % 1000 < 9]
        for k in (1, 5, 27, 100):
            assert index.search("owl", k, allowed).ids.tolist() == matches[:k]
            assert index.search("fox", k, allowed).ids.tolist() == matches[:k]
        with pytest.raises(ValueError, match="at least 1"):
            index.search("owl", 0, allowed)

    def test_a_filter_does_not_change_scores(self, index: KeywordIndex):
        filled(index, {1: "owl fox", 2: "owl", 3: "owl elk hen", **FILLER})
        free, filtered = index.search("owl", 3), index.search("owl", 3, numbers(1, 2, 3))
        assert filtered.ids.tolist() == free.ids.tolist()
        assert filtered.scores.tolist() == free.scores.tolist()

    def test_allowing_nothing_finds_nothing(self, index: KeywordIndex):
        assert len(filled(index, {1: "owl", **FILLER}).search("owl", 5, numbers())) == 0

    def test_adding_an_id_again_replaces_its_text(self, index: KeywordIndex):
        filled(index, {1: "owl", **FILLER})
        filled(index, {1: "fox"})
        assert len(index) == 1 + len(FILLER)
        assert len(index.search("owl", 5)) == 0
        assert index.search("fox", 5).ids.tolist() == [1]

    def test_the_last_of_equal_ids_counts(self, index: KeywordIndex):
        index.add(numbers(1, 2, 1), ["owl", "elk", "fox"])
        index.commit()
        assert len(index) == 2
        assert len(index.search("owl", 5)) == 0

    def test_removed_texts_are_not_found(self, index: KeywordIndex):
        filled(index, {1: "owl", 2: "owl fox", **FILLER})
        index.remove(numbers(1, 77))
        index.commit()
        assert index.search("owl", 5).ids.tolist() == [2]
        assert len(index) == 1 + len(FILLER)

    def test_the_order_of_adding_and_removing_before_a_commit_counts(self, index: KeywordIndex):
        index.add(numbers(1, 2), ["owl", "owl"])
        index.remove(numbers(1, 2))
        index.add(numbers(2), ["owl"])
        index.commit()
        assert index.search("owl", 5).ids.tolist() == [2]

    def test_changes_are_seen_after_commit_only(self, index: KeywordIndex):
        index.add(numbers(1), ["owl"])
        assert len(index.search("owl", 5)) == len(index) == 0
        index.commit()
        assert index.search("owl", 5).ids.tolist() == [1]

    def test_one_id_per_text_is_required(self, index: KeywordIndex):
        with pytest.raises(ValueError, match="give one id per text"):
            index.add(numbers(1, 2), ["owl"])
        with pytest.raises(ValueError, match="negative"):
            index.add(numbers(-1), ["owl"])

    def test_large_ids_come_back_whole(self, index: KeywordIndex):
        filled(index, {2**62 + 1: "owl", **FILLER})
        assert index.search("owl", 5, numbers(2**62 + 1)).ids.tolist() == [2**62 + 1]

    def test_a_saved_index_gives_the_same_answer(self, index: KeywordIndex, tmp_path: Path):
        filled(index, {i: f"owl {'fox ' * i}" for i in range(30)} | FILLER)
        index.remove(numbers(3))
        index.save(tmp_path / "saved")
        loaded = self.backend(tmp_path / "saved")
        before, after = index.search("owl fox", 20), loaded.search("owl fox", 20)
        assert after.ids.tolist() == before.ids.tolist()
        assert after.scores.tolist() == before.scores.tolist()
        loaded.close()

    def test_a_saved_index_does_not_follow_the_original(self, index: KeywordIndex, tmp_path: Path):
        filled(index, {1: "owl", **FILLER}).save(tmp_path / "saved")
        filled(index, {2: "owl"})
        loaded = self.backend(tmp_path / "saved")
        assert loaded.search("owl", 5).ids.tolist() == [1]
        assert index.search("owl", 5).ids.tolist() == [1, 2]
        loaded.close()

    def test_searches_go_on_while_another_thread_changes_the_index(self, index: KeywordIndex):
        filled(index, dict.fromkeys(range(50), "owl") | dict.fromkeys(range(100, 200), "elk"))
        failures: list[BaseException] = []
        done = threading.Event()

        def search() -> None:
            try:
                while not done.is_set():
                    assert index.search("owl", 10, numbers(*range(50))).ids.tolist() == list(range(10))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=search) for _ in range(3)]
        for thread in threads:
            thread.start()
        for i in range(5):
            filled(index, {1000 + i: "owl", 2000 + i: "hen"})
        done.set()
        for thread in threads:
            thread.join()
        assert not failures
        assert len(index) == 160

    def test_words_are_cut_to_stems_and_identifiers_kept_besides(self):
        assert Analysis().terms("Ontologies, running-dogs x_1 C++ 3.14") == [
            "ontolog", "run", "dog", "x", "1", "c", "3", "14", "\ue000x_1\ue001", "\ue000c++\ue001",
            "\ue0003.14\ue001",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "joined", ["state-of-the-art", "and/or", "e.g.", "U.S.", "note:this", "_", "___"]
    )
    def test_words_that_a_sign_joins_are_no_identifiers(self, joined: str):
        assert not any("\ue000" in term for term in Analysis().terms(joined))

    @pytest.mark.parametrize(
        "whole",
        [
            "max_tokens", "__init__", "os.path.join", "ORA-00942", "/usr/lib/x.py", "v1.2.3", "COVID-19",
            "std::sort", "me@example.org", "https://example.org/a", "Zoë_1", "C++",
        ],
    )  # fmt: skip
    def test_identifiers_are_found_whole_before_their_parts(self, index: KeywordIndex, whole: str):
        apart = " ".join(part for part in re.split(r"\W|_", whole) if part)
        texts = {1: f"here {apart} stands", 2: f"there: {whole}, stands", 3: f"so {apart} stands"}
        filled(index, texts | FILLER)
        found = index.search(whole.upper(), 9)
        assert found.ids.tolist() == [2, 1, 3]
        assert found.scores[0] > found.scores[1]
        assert index.having(whole).tolist() == [2]

    def test_parts_of_identifiers_are_found(self, index: KeywordIndex):
        filled(index, {1: "call store.index.VectorIndex", 2: "set max_tokens", **FILLER})
        assert index.search("vectorindex", 5).ids.tolist() == [1]
        assert index.search("token", 5).ids.tolist() == [2]

    def test_a_phrase_is_had_by_texts_with_its_words_in_order(self, index: KeywordIndex):
        texts = {1: "the big owls hunt", 2: "owl, big", 3: "Big owl!", 4: "a big brown owl", 5: "owl big owl"}
        filled(index, texts | FILLER)
        assert index.having("big owl").tolist() == [1, 3, 5]
        assert index.having("owls").tolist() == [1, 2, 3, 4, 5]
        assert index.having("the").tolist() == [1]
        assert index.having("zebra crossing").tolist() == index.having("zebra").tolist() == []
        filled(index, {1: "gone", 6: "big owl"})
        assert index.having("big owl").tolist() == [3, 5, 6]

    def test_a_phrase_does_not_run_on_into_another_text_or_identifier(self, index: KeywordIndex):
        filled(index, {1: "first red_barn last", 2: "last", **FILLER})
        assert index.having("last red").tolist() == index.having("last red barn").tolist() == []
        assert index.having("red barn last").tolist() == [1]

    @pytest.mark.parametrize("phrase", ["", "?!", " "])
    def test_a_phrase_without_words_is_no_condition(self, index: KeywordIndex, phrase: str):
        assert filled(index, FILLER).having(phrase) is None

    def test_an_empty_index_has_no_phrase(self, index: KeywordIndex):
        assert index.having("owl").tolist() == index.having("big owl").tolist() == []

    @pytest.mark.parametrize(
        ("language", "text", "query"),
        [
            ("german", "Die Häuser", "Haus"),
            ("french", "les chevaux", "cheval"),
            ("russian", "книги", "книга"),
        ],
    )
    def test_words_are_cut_to_the_stems_of_a_language(
        self, tmp_path: Path, language: str, text: str, query: str
    ):
        index = filled(self.backend(tmp_path / language, language), {1: text, **FILLER})
        assert index.search(query, 5).ids.tolist() == [1]
        index.close()

    def test_without_a_language_words_are_looked_for_as_written(self, tmp_path: Path):
        index = filled(self.backend(tmp_path / "none", "none"), {1: "the running owl", **FILLER})
        found = {query: len(index.search(query, 5)) for query in ("running", "run", "RUNNING owls", "the")}
        assert found == {"running": 1, "run": 0, "RUNNING owls": 1, "the": 1}
        index.close()

    def test_an_unknown_language_is_refused(self, tmp_path: Path):
        with pytest.raises(ValueError, match="no stems of 'klingon'; choose one of arabic"):
            self.backend(tmp_path / "other", "klingon")

    def test_of_very_many_words_the_rarest_are_looked_for(
        self, index: KeywordIndex, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(keywords, "MAX_QUERY_TERMS", 2)
        filled(index, {1: "owl", 2: "owl fox", 3: "owl elk", 4: "fox", **FILLER})
        assert index.search("owl fox elk zebra", 5).ids.tolist() == [3, 4, 2]

    def test_a_word_is_counted_in_all_its_forms(self, index: KeywordIndex):
        filled(index, {1: "running owls", 2: "She runs.", 3: "the café", **FILLER})
        assert [index.count(word) for word in ("run", "Owl", "CAFE", "zebra", "", "🚀")] == [2, 1, 1, 0, 0, 0]

    def test_similar_words_are_found_by_their_stems(self, index: KeywordIndex):
        filled(index, {1: "the harbor", 2: "two harbors", 3: "in Harbin", 4: "hard", **FILLER})
        assert index.similar("Harbro", 1, 9).tolist() == [1, 2]
        assert index.similar("harbro", 2, 9).tolist() == [1, 2, 3]
        assert len(index.similar("harbro", 1, 1)) == 1
        assert index.similar("xylophone", 2, 9).tolist() == []

    @pytest.mark.parametrize("word", ["", "two words", "***", "東京"])
    def test_what_is_not_one_word_is_like_nothing(self, index: KeywordIndex, word: str):
        assert filled(index, FILLER).similar(word, 1, 5).tolist() == []

    def test_an_empty_index_knows_no_word(self, index: KeywordIndex):
        assert (index.count("owl"), index.similar("owl", 2, 5).tolist()) == (0, [])
