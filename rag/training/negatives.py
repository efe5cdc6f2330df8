"""Questions that a passage only seems to answer, made from questions that it does answer.

Three kinds, after what people did who were asked to write such questions (Rajpurkar, Jia and Liang 2018,
arXiv 1806.03822): a name or a number of the question is exchanged for another one, of the same article if
there is one; a word is exchanged for its opposite; or the sentence that answers is taken out of the
passage. All of them are marked synthetic.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from rag.generator.passages import Passage
from rag.training.data import Example

MIN_LEFT_CHARACTERS = 120
"""A passage that would be shorter without its answering sentence is not cut."""
ANY_ARTICLE = "*"
YEAR = "year"
NEAR_YEARS = 40
"""A year is exchanged for one that is not much further away."""
Cues = dict[tuple[str, str], set[str]]
"""Names and numbers by their article's title (or ANY_ARTICLE) and their kind."""
_CUE = re.compile(r"\d[\d,.]*\d|\d|[A-Z][\w-]+(?: (?:of |the |de )?[A-Z][\w-]+)*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"“'(])")
_OPPOSITES = (
    "first last, largest smallest, biggest smallest, highest lowest, most least, more fewer, before after, "
    "increase decrease, increased decreased, earlier later, earliest latest, oldest youngest, older newer, "
    "north south, northern southern, east west, eastern western, best worst, longest shortest, won lost, "
    "win lose, begin end, began ended, start finish, started finished, above below, public private, "
    "maximum minimum, major minor, upper lower, inside outside, male female, men women, rich poor, "
    "early late, strong weak, common rare, accept reject, accepted rejected, "
    "allow forbid, allowed forbidden, "
    "open closed, opened closed, support oppose, supported opposed, internal external, win defeat, "
    "with without, always never, successful unsuccessful, legal illegal, possible impossible, used unused, "
    "known unknown, built destroyed, create destroy, created destroyed, joined left, gained lost, "
    "positive negative, arrived departed, buy sell, bought sold, include exclude, included excluded"
)


def _both_ways(pairs: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs.split(", "):
        a, b = pair.split()
        found.setdefault(a, b)
        found.setdefault(b, a)
    return found


OPPOSITES = _both_ways(_OPPOSITES)


def add_negatives(
    examples: Sequence[Example], turned_share: float, cut_share: float, rng: random.Random
) -> list[Example]:
    """Return new unanswerable examples, some for each answerable one with a span as its answer.

    Args:
        examples: what to make them from.
        turned_share: how many with another question, relative to the answerable ones.
        cut_share: how many with a passage without its answering sentence, likewise.
        rng: chooses.
    """
    able = [e for e in examples if e.answerable and any(a.start >= 0 for a in e.answers)]
    cues = find_cues(able)
    made: list[Example] = []
    for example in able:
        if rng.random() < turned_share:
            made += _made(example, "turned", turned_question(example, cues, rng))
        if rng.random() < cut_share:
            cut = without_answer(example)
            if cut is not None:
                made.append(_unanswerable(replace(example, passages=(cut,)), "cut"))
    return made


def turned_question(example: Example, cues: Cues, rng: random.Random) -> str | None:
    """Return the question with one name, number or word exchanged, so that its passage does not answer it.

    None where nothing in it can be exchanged.
    """
    passage = example.passages[0]
    ways: list[Callable[[], str | None]] = [
        lambda: _exchange_cue(example.question, passage, cues, rng),
        lambda: _exchange_word(example.question, rng),
    ]
    rng.shuffle(ways)
    for way in ways:
        turned = way()
        if turned is not None:
            return turned
    return None


def without_answer(example: Example) -> Passage | None:
    """Return the gold passage without every sentence that holds an answer; None if too little is left."""
    passage = example.passages[example.gold or 0]
    wanted = [a.text.lower() for a in example.answers]
    kept = [s for s in _SENTENCE.split(passage.text) if not any(w in s.lower() for w in wanted)]
    text = " ".join(kept)
    if not MIN_LEFT_CHARACTERS <= len(text) < len(passage.text):
        return None
    return replace(passage, text=text)


def _made(example: Example, kind: str, question: str | None) -> list[Example]:
    return [] if question is None else [_unanswerable(replace(example, question=question), kind)]


def _unanswerable(example: Example, kind: str) -> Example:
    name = f"{example.id}#{kind}"
    return replace(example, id=name, gold=None, answers=(), full_answer=None, synthetic=True)


def _kind(cue: str) -> str:
    if cue[0].isdigit():
        return YEAR if re.fullmatch(r"[12]\d{3}", cue) else "number"
    return f"name {min(3, len(cue.split()))}"


def find_cues(examples: Sequence[Example]) -> Cues:
    """Names and numbers of all passages, by article and kind; those that begin a sentence are left out."""
    found: Cues = {}
    for title, text in {(e.passages[0].title, e.passages[0].text) for e in examples}:
        for match in _CUE.finditer(text):
            if match.start() > 1 and text[match.start() - 2] not in '.!?"':
                for article in {title, ANY_ARTICLE}:
                    found.setdefault((article, _kind(match[0])), set()).add(match[0])
    return found


def _exchange_cue(question: str, passage: Passage, cues: Cues, rng: random.Random) -> str | None:
    shared = [m for m in _CUE.finditer(question) if m.start() > 0 and m[0] in passage.text]
    if not shared:
        return None
    old = rng.choice(shared)
    for article in (passage.title, ANY_ARTICLE):
        others = sorted(c for c in cues.get((article, _kind(old[0])), ()) if c not in passage.text)
        if _kind(old[0]) == YEAR:
            others = [c for c in others if abs(int(c) - int(old[0])) <= NEAR_YEARS]
        if others:
            return question[: old.start()] + rng.choice(others) + question[old.end() :]
    return None


def _exchange_word(question: str, rng: random.Random) -> str | None:
    words = [m for m in re.finditer(r"[a-z]+", question) if m[0] in OPPOSITES]
    if not words:
        return None
    old = rng.choice(words)
    return question[: old.start()] + OPPOSITES[old[0]] + question[old.end() :]
