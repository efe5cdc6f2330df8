"""One encoder for many threads."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from api.encoders import TEXTS_PER_SLICE, SharedEncoder


class Counting:
    """An encoder whose vectors tell which text they are of; the first call waits to be let go."""

    name, revision, dimension, window = "counting", "1", 2, 256

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.sizes.append(len(texts))
        self.begun.set()
        assert self.go.wait(20)
        if "broken" in texts:
            raise ValueError("a text that cannot be embedded")
        return np.array([[int(text), 1] for text in texts], dtype=np.float32)


@pytest.fixture
def counting() -> Counting:
    return Counting()


def shared(counting: Any) -> SharedEncoder:
    return SharedEncoder(counting)


def wait_in_line(encoder: SharedEncoder, count: int) -> None:
    while len(encoder._line) < count:
        threading.Event().wait(0.001)


def test_questions_that_wait_are_embedded_together_and_each_gets_its_own(counting: Counting) -> None:
    encoder = shared(counting)
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(encoder.encode, ["100"])
        assert counting.begun.wait(20)
        others = [threads.submit(encoder.encode, [str(n), str(n + 50)]) for n in range(8)]
        wait_in_line(encoder, 8)
        counting.go.set()
        assert first.result()[:, 0].tolist() == [100]
        assert [one.result()[:, 0].tolist() for one in others] == [[n, n + 50] for n in range(8)]
    assert counting.sizes == [1, 16]


def test_question_waits_for_one_slice_of_a_long_list(counting: Counting) -> None:
    encoder = shared(counting)
    long = [str(n) for n in range(3 * TEXTS_PER_SLICE)]
    with ThreadPoolExecutor(2) as threads:
        upload = threads.submit(encoder.encode, long)
        assert counting.begun.wait(20)
        question = threads.submit(encoder.encode, ["7"])
        wait_in_line(encoder, 1)
        counting.go.set()
        assert question.result()[0, 0] == 7
        assert upload.result()[:, 0].tolist() == [float(n) for n in range(3 * TEXTS_PER_SLICE)]
    assert max(counting.sizes) <= TEXTS_PER_SLICE


def test_text_that_cannot_be_embedded_is_no_matter_of_those_that_wait_with_it(counting: Counting) -> None:
    encoder = shared(counting)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(encoder.encode, ["100"])
        assert counting.begun.wait(20)
        waiting = [encoder.begin([text]) for text in ("1", "broken", "3")]
        counting.go.set()
        first.result()
        assert [waiting[n].result()[0, 0] for n in (0, 2)] == [1, 3]
        with pytest.raises(ValueError, match="cannot be embedded"):
            waiting[1].result()


def test_failure_is_told_to_who_waited_and_to_nobody_after(counting: Counting) -> None:
    encoder = shared(counting)
    counting.go.set()
    with pytest.raises(ValueError, match="cannot be embedded"):
        encoder.encode(["broken"])
    assert encoder.encode(["3"])[0, 0] == 3
    assert encoder.encode([]).shape == (0, 2)
