"""Training examples: read from files of question, passage and answers; distractors found by retrieval.

The files' form is that of `rag evaluate`: one JSON object a line with `id, question, passage, title,
answers: [{text, start}], answerable` and, where there is one, `full_answer`.
"""

import gzip
import hashlib
import json
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rag.errors import DataError
from rag.generator.passages import Passage

MIN_CONTEXT_CHARACTERS = 300


@dataclass(frozen=True)
class Answer:
    """An answer's text and where it starts in its passage, −1 where it is not a span of it."""

    text: str
    start: int


@dataclass(frozen=True)
class Example:
    """A question with the passages to read and what should be said."""

    id: str
    source: str
    question: str
    passages: tuple[Passage, ...]
    gold: int | None
    """Which passage the answer is in; None when none of them holds it."""
    answers: tuple[Answer, ...]
    full_answer: str | None
    synthetic: bool = False

    @property
    def answerable(self) -> bool:
        """Whether the passages hold the answer."""
        return self.gold is not None


@dataclass(frozen=True)
class Source:
    """A file of examples and how many of them to take (None: all)."""

    path: Path
    limit: int | None = None


@dataclass(frozen=True)
class Mixture:
    """How examples are put together beyond what the files hold."""

    distractor_share: float = 0.12
    """Share of answerable examples that get a retrieved passage which does not hold the answer."""
    unanswerable_share: float = 0.05
    """How many examples to add, relative to the answerable ones, whose only passage is such a one."""
    dev_share: float = 0.05
    """Share of articles that are held out to choose thresholds on."""


def read_lines(path: Path) -> Iterator[str]:
    """Read the lines of a text file, gzipped or not.

    Raises:
        DataError: it cannot be read to its end; the message says how far it was read.
    """
    number = 0
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as file:
            for line in file:
                number += 1
                yield line
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        after = f" after line {number}" if number else ""
        raise DataError(f"cannot read {path}{after}: {error}") from error


def read_examples(path: Path) -> Iterator[Example]:
    """Read the examples of one file.

    Raises:
        DataError: the file cannot be read, or a line is not an example; the message has its number.
    """
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip():
            yield _parse(line, path, number)


def _parse(line: str, path: Path, number: int) -> Example:
    try:
        record = json.loads(line)
        answers = tuple(Answer(_text(a["text"]), int(a.get("start", -1))) for a in record["answers"])
        full_answer = record.get("full_answer") or None
        answerable = bool(record["answerable"]) and bool(answers or full_answer)
        return Example(
            id=str(record["id"]),
            source=str(record.get("source", path.stem)),
            question=_text(record["question"]),
            passages=(Passage(_text(record["passage"]), _text(record.get("title") or "")),),
            gold=0 if answerable else None,
            answers=answers,
            full_answer=full_answer,
            synthetic=bool(record.get("synthetic", False)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}, line {number}: not an example ({type(error).__name__}: {error}). "
            "Expected an object with id, question, passage, answers and answerable."
        ) from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a data file, for the lineage of what is trained on it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Split:
    """Examples to train on, and examples of other articles to choose thresholds on."""

    train: list[Example]
    dev: list[Example]


def gather(sources: Sequence[Source], mixture: Mixture, seed: int) -> Split:
    """Read all sources, hold some articles out, take what the limits allow, add distractors."""
    rng = random.Random(seed)
    train: list[Example] = []
    dev: list[Example] = []
    for source in sources:
        found = list(read_examples(source.path))
        rng.shuffle(found)
        held_out = [e for e in found if is_held_out(e, mixture.dev_share)]
        kept = [e for e in found if not is_held_out(e, mixture.dev_share)]
        train += kept[: source.limit]
        dev += held_out[: source.limit]
    return Split(_mix(train, mixture, rng), _mix(dev, mixture, rng))


def is_held_out(example: Example, share: float) -> bool:
    """Whether an example belongs to the dev split: decided by its article, else by its passage."""
    passage = example.passages[0]
    digest = hashlib.sha256((passage.title or passage.text).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < share


def _mix(examples: list[Example], mixture: Mixture, rng: random.Random) -> list[Example]:
    chosen = [
        i for i, e in enumerate(examples) if e.answerable and e.answers and rng.random() < _share(mixture)
    ]
    distractors = retrieve_distractors(examples, chosen)
    mixed = list(examples)
    boundary = mixture.distractor_share / _share(mixture) if _share(mixture) else 0.0
    for i in chosen:
        if i not in distractors:
            continue
        example, wrong = examples[i], distractors[i][0]
        if rng.random() < boundary:
            at = rng.randrange(2)
            passages = (example.passages[0], wrong) if at == 0 else (wrong, example.passages[0])
            mixed[i] = replace(example, passages=passages, gold=at)
        else:
            mixed.append(replace(example, id=f"{example.id}#none", passages=(wrong,), gold=None, answers=()))
    return mixed


def _share(mixture: Mixture) -> float:
    return mixture.distractor_share + mixture.unanswerable_share


def retrieve_distractors(
    examples: Sequence[Example], chosen: Sequence[int], count: int = 1
) -> dict[int, tuple[Passage, ...]]:
    """Find, for each chosen example, the passages most like its question that have none of its answers.

    Likeness is the cosine of TF-IDF vectors over all the examples' passages. An example for which nothing is
    found is left out.
    """
    if not chosen:
        return {}
    from sklearn.feature_extraction.text import TfidfVectorizer

    passages = list({p.text: p for e in examples for p in e.passages}.values())
    vectorizer = TfidfVectorizer(stop_words="english", sublinear_tf=True, dtype=np.float32)
    matrix = vectorizer.fit_transform(p.text for p in passages).T.tocsr()
    found: dict[int, tuple[Passage, ...]] = {}
    for begin in range(0, len(chosen), 256):
        batch = chosen[begin : begin + 256]
        likeness = (vectorizer.transform([examples[i].question for i in batch]) @ matrix).toarray()
        best = np.argsort(-likeness, axis=1)[:, : 9 + count]
        for row, i in enumerate(batch):
            wrong = [passages[p] for p in best[row] if not _holds_answer(passages[p].text, examples[i])]
            if wrong:
                found[i] = tuple(wrong[:count])
    return found


def _holds_answer(text: str, example: Example) -> bool:
    return text == example.passages[0].text or any(a.text.lower() in text.lower() for a in example.answers)


def retrieved_contexts(split: Split, number: int, most_passages: int, seed: int) -> list[Example]:
    """Held-out questions with one to `most_passages` passages that a search could have found for them.

    Two of three have their own passage among them, at any place; the third has only others. Questions on
    passages under MIN_CONTEXT_CHARACTERS are left out: alone they mostly do not say what they are about.
    """
    rng = random.Random(seed)
    dev = [e for e in split.dev if e.answerable and e.answers and len(e.passages) == 1]
    dev = [e for e in dev if len(e.passages[0].text) >= MIN_CONTEXT_CHARACTERS]
    rng.shuffle(dev)
    dev = dev[:number]
    others = retrieve_distractors([*dev, *split.train], range(len(dev)), most_passages)
    contexts = []
    for i, example in enumerate(dev):
        passages = round(most_passages ** rng.random())  # few as often as many, on a log scale
        read = list(others.get(i, ()))[:passages]
        gold = None
        if i % 3 != 0:
            gold = rng.randrange(min(passages, len(read) + 1))
            read = [*read[:gold], example.passages[0], *read[gold : passages - 1]]
        if read:
            contexts.append(replace(example, passages=tuple(read), gold=gold))
    return contexts
