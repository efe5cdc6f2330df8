"""How files of examples become what is trained on: articles held out, distractors found, negatives made."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag.generator.passages import Passage
from rag.training.data import Example, Source, read_examples
from rag.training.negatives import add_negatives

MIN_CONTEXT_CHARACTERS = 300


@dataclass(frozen=True)
class Mixture:
    """How examples are put together beyond what the files hold."""

    distractor_share: float = 0.12
    """Share of answerable examples that get retrieved passages which do not hold the answer."""
    unanswerable_share: float = 0.05
    """How many examples to add, relative to the answerable ones, whose only passage is such a one."""
    dev_share: float = 0.05
    """Share of articles that are held out to choose thresholds on."""
    most_distractors: int = 1
    """How many such passages at most: half of those examples get one, a quarter two, and so on."""
    turned_share: float = 0.0
    """How many examples to add, relative to the answerable ones, whose question was changed (synthetic)."""
    cut_share: float = 0.0
    """How many whose passage lacks the sentence with the answer (synthetic)."""
    untitled_share: float = 0.0
    """How many examples lose their passages' titles: where only some sets have titles, and only some have
    unanswerable questions, a model takes a title for a sign that there is no answer."""


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
        train += repeated(kept[: source.limit], source)
        dev += [e for e in held_out[: source.limit] if not e.synthetic]
    mixed = _mix(train, mixture, rng)
    return Split([_untitled(e, mixture, rng) for e in mixed], _mix(dev, mixture, rng))


def _untitled(example: Example, mixture: Mixture, rng: random.Random) -> Example:
    if not mixture.untitled_share or rng.random() >= mixture.untitled_share:
        return example
    return untitled(example)


def untitled(example: Example) -> Example:
    """The example without the titles of its passages."""
    return replace(example, passages=tuple(replace(p, title="") for p in example.passages))


def repeated(examples: Sequence[Example], source: Source) -> list[Example]:
    """The examples as often as their source says."""
    unanswerable = source.repeat * source.unanswerable_repeat
    return [e for e in examples for _ in range(source.repeat if e.answerable else unanswerable)]


def is_held_out(example: Example, share: float) -> bool:
    """Whether an example belongs to the dev split: decided by its article, else by its passage."""
    passage = example.passages[0]
    digest = hashlib.sha256((passage.title or passage.text).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < share


def _mix(examples: list[Example], mixture: Mixture, rng: random.Random) -> list[Example]:
    chosen = [
        i for i, e in enumerate(examples) if e.answerable and e.answers and rng.random() < _share(mixture)
    ]
    distractors = retrieve_distractors(examples, chosen, mixture.most_distractors)
    mixed = list(examples)
    boundary = mixture.distractor_share / _share(mixture) if _share(mixture) else 0.0
    for i in chosen:
        if i not in distractors:
            continue
        example, wrong = examples[i], distractors[i][0]
        if rng.random() < boundary:
            mixed[i] = _among(example, distractors[i], rng)
        else:
            mixed.append(replace(example, id=f"{example.id}#none", passages=(wrong,), gold=None, answers=()))
    return mixed + add_negatives(examples, mixture.turned_share, mixture.cut_share, rng)


def _among(example: Example, distractors: Sequence[Passage], rng: random.Random) -> Example:
    """The example with its passage at any place among some of the distractors."""
    number = 1
    while number < len(distractors) and rng.random() < 0.5:
        number += 1
    at = rng.randrange(number + 1)
    others = distractors[:number]
    return replace(example, passages=(*others[:at], example.passages[0], *others[at:]), gold=at)


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


def retrieved_contexts(
    split: Split, number: int, most_passages: int, seed: int, fewest: int = 1
) -> list[Example]:
    """Held-out questions with `fewest` to `most_passages` passages that a search could have found for them.

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
        passages = round(fewest * (most_passages / fewest) ** rng.random())  # on a log scale
        read = list(others.get(i, ()))[:passages]
        gold = None
        if i % 3 != 0:
            gold = rng.randrange(min(passages, len(read) + 1))
            read = [*read[:gold], example.passages[0], *read[gold : passages - 1]]
        if read:
            contexts.append(replace(example, passages=tuple(read), gold=gold))
    return contexts


def own_passages(split: Split, number: int, seed: int) -> list[Example]:
    """Held-out questions as people wrote them, with their own passage alone, answerable or not.

    Articles without an unanswerable question are left out: a passage that is always right says nothing.
    """
    dev = [e for e in split.dev if len(e.passages) == 1 and not e.synthetic and "#" not in e.id]
    doubtful = {e.passages[0].title for e in dev if not e.answerable}
    dev = [e for e in dev if e.passages[0].title in doubtful]
    random.Random(seed).shuffle(dev)
    return dev[:number]
