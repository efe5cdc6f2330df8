"""The batcher around a generator whose every batch can be held up and looked at."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from rag.errors import AbandonedError, BusyError
from rag.generator.batcher import Batcher, BatchSettings
from rag.generator.calibration import Calibration
from rag.generator.generate import Asked, Generated
from rag.generator.passages import Passage
from rag.generator.settings import GREEDY, GenerationSettings

PASSAGES = (Passage("The fox hunts hens."),)


class HeldGenerator:
    """Says the question back when it is let go; fails on the question `bad`."""

    name = "held"
    calibration = Calibration()

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.batches: list[list[str]] = []

    def check(self, settings: GenerationSettings) -> None:
        pass

    def answer(self, asked: Sequence[Asked]) -> list[Generated]:
        self.batches.append([one.question for one in asked])
        self.begun.release()
        assert self.go.wait(20)
        for one in asked:
            if one.watcher and one.watcher.begin(0.9):
                one.watcher.write(one.question)
        if any(one.question == "bad" for one in asked):
            raise ValueError("bad")
        return [Generated(one.question, (), 0.9, 0.0, (), None) for one in asked]

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        return [0.5 for _ in passages]


class Heard:
    def __init__(self) -> None:
        self.here = True
        self.text: list[str] = []

    def wanted(self) -> bool:
        return self.here

    def begin(self, answerable_probability: float) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text.append(text)


class Asking:
    """Threads that ask; the first question is in work and held up before any other is asked."""

    def __init__(self, settings: BatchSettings) -> None:
        self.generator = HeldGenerator()
        self.batcher = Batcher(self.generator, settings)  # type: ignore[arg-type]
        self._threads = ThreadPoolExecutor(20)
        self.first = self._submit("first", "ada", None)
        assert self.generator.begun.acquire(timeout=20)

    def ask(self, question: str, user: str = "ada", watcher: Heard | None = None) -> Future[Generated]:
        """Ask behind the question that is held up; returns when it waits, or was refused."""
        waiting = len(self.batcher)
        asked = self._submit(question, user, watcher)
        while len(self.batcher) == waiting and not asked.done():
            threading.Event().wait(0.001)
        return asked

    def _submit(self, question: str, user: str, watcher: Heard | None) -> Future[Generated]:
        return self._threads.submit(self.batcher.generate, question, PASSAGES, GREEDY, watcher, user=user)

    def close(self) -> None:
        self.generator.go.set()
        self.batcher.close()
        self._threads.shutdown()


@pytest.fixture
def asking() -> Iterator[Asking]:
    asking = Asking(BatchSettings(at_once=3, most_waiting=6, busy_after_s=20))
    yield asking
    asking.close()


def test_questions_that_wait_are_answered_together_each_with_its_own_answer(asking: Asking) -> None:
    waiting = [asking.ask(f"q{n}") for n in range(3)]
    asking.generator.go.set()
    assert [w.result().text for w in waiting] == ["q0", "q1", "q2"]
    assert asking.generator.batches == [["first"], ["q0", "q1", "q2"]]


def test_only_after_several_at_once_does_a_question_wait_for_others() -> None:
    """A batch that waits is full with two, and waits longer than this test for the second."""
    asking = Asking(BatchSettings(at_once=2, gather_s=60))  # the first is begun though it is alone
    pair = [asking.ask(f"q{n}") for n in range(2)]
    asking.generator.go.set()
    assert [w.result(20).text for w in pair] == ["q0", "q1"]
    alone = asking.ask("q2")
    threading.Event().wait(0.05)
    assert not alone.done(), "it waits for one more"
    assert asking.ask("q3").result(20).text == "q3"
    assert asking.generator.batches == [["first"], ["q0", "q1"], ["q2", "q3"]]
    asking.close()


def test_users_take_turns(asking: Asking) -> None:
    waiting = [asking.ask(f"ada {n}", "ada") for n in range(4)]
    waiting += [asking.ask("bob", "bob"), asking.ask("cy", "cy")]
    asking.generator.go.set()
    for w in waiting:
        w.result()
    assert asking.generator.batches[1:] == [["ada 0", "bob", "cy"], ["ada 1", "ada 2", "ada 3"]]


def test_a_failure_is_that_of_one_question_and_nobody_hears_anything_twice(asking: Asking) -> None:
    heard = Heard()
    good, bad = asking.ask("good", watcher=heard), asking.ask("bad")
    asking.generator.go.set()
    assert good.result().text == "good"
    assert heard.text == ["good"]
    with pytest.raises(ValueError, match="bad"):
        bad.result()


def test_a_question_that_nobody_wants_any_more_leaves_the_line(asking: Asking) -> None:
    heard = Heard()
    gone = asking.ask("gone", watcher=heard)
    heard.here = False
    with pytest.raises(AbandonedError):
        gone.result(20)
    stays = asking.ask("stays")
    asking.generator.go.set()
    assert stays.result().text == "stays"
    assert asking.generator.batches[1:] == [["stays"]]


def test_the_line_is_bounded(asking: Asking) -> None:
    waiting = [asking.ask(f"q{n}") for n in range(6)]
    with pytest.raises(BusyError, match="6 questions are waiting"):
        asking.ask("one more").result()
    asking.generator.go.set()
    assert len({w.result().text for w in waiting}) == 6


def test_closing_finishes_what_is_in_work_and_refuses_what_waits(asking: Asking) -> None:
    waiting = asking.ask("waits")
    closing = threading.Thread(target=asking.batcher.close)
    closing.start()
    with pytest.raises(BusyError, match="stopping"):
        waiting.result(20)
    asking.generator.go.set()
    closing.join()
    assert asking.first.result().text == "first"
    with pytest.raises(BusyError, match="stopping"):
        asking.batcher.generate("late", PASSAGES)


def test_a_question_waits_only_so_long() -> None:
    asking = Asking(BatchSettings(at_once=1, busy_after_s=0.5))
    with pytest.raises(BusyError, match=r"waited 0\.5 s"):
        asking.ask("slow").result(20)
    asking.close()
    assert asking.first.result().text == "first"  # its turn had come


def test_reranking_takes_its_turn_in_the_same_thread(asking: Asking) -> None:
    asking.generator.go.set()
    assert asking.batcher.relevance("fox", PASSAGES) == [0.5]
