import gzip
import json
from pathlib import Path

import pytest

from rag.errors import DataError
from rag.generator.passages import Passage
from rag.training.data import Answer, Example, Source, read_examples
from rag.training.mixture import Mixture, Split, gather, retrieve_distractors, retrieved_contexts
from rag.training.recipe import Part, recipe_sources


def line(number: int, **changes: object) -> dict[str, object]:
    passage = f"Ship {number} sailed to port {number} in the year {1800 + number}."
    return {
        "id": str(number),
        "source": "test",
        "title": f"Ship {number}",
        "passage": passage,
        "question": f"Where did ship {number} sail?",
        "answers": [{"text": f"port {number}", "start": passage.index("port")}],
        "answerable": True,
        **changes,
    }


def write(path: Path, *records: object) -> Path:
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(r) + "\n" for r in records)
    return path


def test_reading_takes_answers_and_answerability(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl.gz", line(1), line(2, answers=[], answerable=False))
    first, second = read_examples(path)
    assert first.answers == (Answer("port 1", 17),)
    assert (first.answerable, second.answerable) == (True, False)


def test_a_broken_line_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(line(1)) + "\n{broken\n")
    with pytest.raises(DataError, match="line 2"):
        list(read_examples(path))


def test_a_distractor_is_like_the_question_and_holds_no_answer() -> None:
    def example(passage: str, question: str, answer: str) -> Example:
        return Example(passage, "t", question, (Passage(passage),), 0, (Answer(answer, 0),), None)

    examples = [
        example("The ship reached Lisbon in spring.", "Where did the ship go in spring?", "Lisbon"),
        example("A ship left Porto in spring.", "Which?", "Porto"),
        example("The ship then went from Lisbon to sea in spring.", "Which?", "sea"),
        example("Cats sleep.", "Who?", "Cats"),
    ]
    assert retrieve_distractors(examples, [0])[0][0].text == "A ship left Porto in spring."


def test_retrieved_contexts_hold_the_answer_in_two_of_three() -> None:
    def example(n: int) -> Example:
        text = f"Ship {n} sailed to port {n}. " + "It was a long journey over a calm sea. " * 8
        return Example(
            str(n), "t", f"Where did ship {n} sail?", (Passage(text),), 0, (Answer(f"port {n}.", 15),), None
        )

    contexts = retrieved_contexts(Split([], [example(n) for n in range(9)]), 9, most_passages=4, seed=1)
    assert [c.answerable for c in contexts].count(True) == 6
    for context in contexts:
        holding = [i for i, p in enumerate(context.passages) if context.answers[0].text in p.text]
        assert holding == ([] if context.gold is None else [context.gold])
    assert {len(c.passages) for c in contexts} <= {1, 2, 3, 4} and len(
        {len(c.passages) for c in contexts}
    ) > 1


def test_held_out_articles_are_not_trained_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl.gz", *(line(n) for n in range(60)))
    split = gather([Source(path)], Mixture(0.0, 0.0, dev_share=0.3), seed=1)
    train, dev = ({e.passages[0].title for e in part} for part in (split.train, split.dev))
    assert len(train) + len(dev) == 60 and not train & dev and len(dev) > 5


def test_gathering_depends_on_the_seed_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl.gz", *(line(n) for n in range(40)))
    mixture = Mixture(0.5, 0.3)
    first, again, other = (gather([Source(path, 20)], mixture, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert any(len(e.passages) == 2 for e in first.train) and any(not e.answerable for e in first.train)


def test_a_recipe_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"squad-train\.jsonl\.gz"):
        recipe_sources([tmp_path])


def test_a_set_that_may_be_missing_is_left_out(tmp_path: Path) -> None:
    recipe = {"a": Part(limit=5, repeat=2), "b": Part(optional=True), "c": Part(unanswerable_repeat=3)}
    for name in ("a", "c"):
        write(tmp_path / f"{name}.jsonl.gz", line(1))
    assert recipe_sources([tmp_path], recipe) == (
        Source(tmp_path / "a.jsonl.gz", 5, repeat=2),
        Source(tmp_path / "c.jsonl.gz", unanswerable_repeat=3),
    )


def test_a_source_is_taken_as_often_as_it_says(tmp_path: Path) -> None:
    without = line(1) | {"id": "none", "answers": [], "answerable": False}
    path = write(tmp_path / "a.jsonl.gz", line(0), without)
    split = gather([Source(path, repeat=2, unanswerable_repeat=3)], Mixture(0.0, 0.0, 0.0), seed=1)
    assert sorted(e.id for e in split.train) == ["0", "0", *6 * ["none"]]


def test_synthetic_examples_are_never_held_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl.gz", *(line(n) | {"synthetic": n % 2 == 0} for n in range(60)))
    split = gather([Source(path)], Mixture(0.0, 0.0, dev_share=0.3), seed=1)
    assert split.dev and not any(e.synthetic for e in split.dev)
    assert any(e.synthetic for e in split.train)


def test_some_examples_lose_their_titles_but_none_that_is_held_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl.gz", *(line(n) for n in range(60)))
    mixture = Mixture(0.3, 0.3, dev_share=0.3, untitled_share=0.5)
    split = gather([Source(path)], mixture, seed=1)
    titled = [{bool(p.title) for p in e.passages} for e in split.train]
    assert all(len(t) == 1 for t in titled)  # all passages of an example, or none
    assert 0.25 < titled.count({True}) / len(titled) < 0.75
    assert all(p.title for e in split.dev for p in e.passages)
