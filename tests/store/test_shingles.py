import subprocess
import sys

import numpy as np
import pytest

from store.shingles import jaccard, shingle, similarity


def test_similarity_counts_runs_of_five_words() -> None:
    # abcde bcdef cdefg against abcde bcdef cdefX: two of four are shared.
    assert similarity("a b c d e f g", "A B  c\nd e f X") == 2 / 4


def test_short_texts_are_alike_only_when_equal() -> None:
    assert similarity("one two", "one two") == 1
    assert similarity("one two", "one two three") == 0


def test_repeated_runs_count_once() -> None:
    assert similarity("a b c d e " * 2, "a b c d e " * 9) == 1


def test_texts_of_a_batch_do_not_run_into_each_other() -> None:
    texts = ["a b c d e f", "g", "h i j k l", ""]
    together = shingle(texts)
    for number, text in enumerate(texts):
        assert np.array_equal(together.of(number), shingle([text]).of(0))
    assert [len(together.of(number)) for number in range(4)] == [2, 1, 1, 1]


def test_no_texts_have_no_shingles() -> None:
    assert shingle([]).offsets.tolist() == [0]


def test_characters_are_the_words_where_there_are_no_spaces() -> None:
    base = "東京都は日本の首都であり人口が最も多い都市である。政治と経済の中心でもある。" * 1
    assert similarity(base, base.replace("首都", "都市")) == pytest.approx(28 / 40, abs=0.1)


def test_hashes_are_the_same_in_every_process() -> None:
    code = "from store.shingles import shingle; print(shingle(['to be or not to be']).hashes.tolist())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(shingle(["to be or not to be"]).hashes.tolist())


def test_jaccard_of_sets_by_hand() -> None:
    a, b = np.array([1, 2, 3], np.uint64), np.array([2, 3, 4, 5], np.uint64)
    assert jaccard(a, b) == 2 / 5
