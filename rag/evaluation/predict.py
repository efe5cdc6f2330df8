"""One example answered and judged."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from rag.citation import VERDICTS as DENIALS
from rag.citation import AnswerSentence, Citation, sentences_of
from rag.evaluation.memorisation import novel_ngrams
from rag.evaluation.metrics import exact_match, normalise_answer, rouge_l, token_f1
from rag.evaluation.question_types import question_type
from rag.evaluation.support import CitationScores, CitedSpan, SupportTest
from rag.generator.generate import Generated, LocalGenerator
from rag.generator.passages import Passage
from rag.generator.settings import GenerationSettings, Style
from rag.generator.words import FUNCTION_WORDS, WORD, sentence_around
from rag.training.data import Example

Retrieve = Callable[[str], list[Passage]]
"""A question to the passages to read, best first."""

VERDICTS = ("yes", "no")
SHORT = GenerationSettings(style=Style.SPAN)
_BARE = re.compile(r"\W*(?:yes|no)\W*", re.IGNORECASE)
_REASONED = re.compile(r"\W*(?:yes|no)\s*[,.;:–—-]\s*\w", re.IGNORECASE)


@dataclass(frozen=True)
class Prediction:
    """One example's outcome, as `--predictions` writes it."""

    id: str
    question: str
    question_type: str
    expected: tuple[str, ...]
    answerable: bool
    answer: str
    short_answer: str
    """The span that exact match and F1 are of: the answer itself, except where a full one was asked for."""
    answerable_probability: float
    exact: float
    f1: float
    rouge_l: float | None
    """Against the full answer; None where the example has none."""
    verdict_right: bool | None
    """Whether a yes was said where yes is expected, and a no where no is; None where neither is."""
    citations: tuple[CitedSpan, ...]
    correct_citations: int
    """Those that lie in a passage which holds the answer."""
    verified_citations: int
    citation_scores: CitationScores | None
    """None where no sentence of the answer can be judged."""
    sentences: int
    supported_sentences: int
    """Of `borne`."""
    content_words: int
    unsupported_words: tuple[str, ...]
    """Content words that were written, not copied from a passage, and that no cited span contains."""
    novel_ngrams: tuple[str, ...]
    """Runs of words that the evidence lacks."""
    latency_ms: float


def predict(
    example: Example,
    generator: LocalGenerator,
    retrieve: Retrieve | None,
    support: SupportTest,
    style: Style | None = None,
) -> Prediction:
    """Answer one example and judge the answer.

    Args:
        example: what is asked, and what is expected.
        generator: what answers.
        retrieve: finds the passages to read; None reads the example's own.
        support: judges the citations.
        style: the form of the answer; None is a span, or where a full answer is expected what the question
            asks for. Where a short one is expected as well, a span is asked for besides: exact match, F1 and
            the verdict are its own, the other figures those of the full answer.
    """
    settings = GenerationSettings(style=style or _form(example))
    begun = time.perf_counter()
    passages = retrieve(example.question) if retrieve else list(example.passages)
    generated = generator.generate(example.question, passages, settings)
    latency_ms = (time.perf_counter() - begun) * 1000
    answer = generated.text
    both = style is None and bool(example.answers) and settings.style != Style.SPAN
    short = generator.generate(example.question, passages, SHORT).text if both else answer
    expected = tuple(a.text for a in example.answers) or tuple(filter(None, [example.full_answer]))
    citations = tuple(_citations(generated, passages))
    sentences = _sentences(generated, citations, passages)
    return Prediction(
        id=example.id,
        question=example.question,
        question_type=question_type(example),
        expected=expected,
        answerable=example.answerable,
        answer=answer,
        short_answer=short,
        answerable_probability=generated.answerable_probability,
        exact=max((exact_match(short, e) for e in expected), default=0.0),
        f1=max((token_f1(short, e) for e in expected), default=0.0),
        rouge_l=rouge_l(answer, example.full_answer) if example.full_answer else None,
        verdict_right=_verdict_right(short, expected),
        citations=citations,
        correct_citations=sum(holds_answer(passages[c.passage].text, example) for c in citations),
        verified_citations=sum(passages[c.passage].text[c.start : c.end] == c.quote for c in citations),
        citation_scores=support.score(sentences, citations, passages),
        sentences=len(sentences),
        supported_sentences=sum(borne(sentences, citations, passages)),
        content_words=len(_content_words(answer)),
        unsupported_words=_unsupported_words(generated, citations),
        novel_ngrams=tuple(sorted(novel_ngrams(answer, example.question, passages))),
        latency_ms=latency_ms,
    )


def _form(example: Example) -> Style:
    return Style.AUTO if example.full_answer else Style.SPAN


def to_record(name: str, prediction: Prediction) -> dict[str, Any]:
    """A line of the predictions file."""
    return {"set": name, **asdict(prediction)}


def _citations(generated: Generated, passages: Sequence[Passage]) -> Iterator[CitedSpan]:
    """What is cited: the copied spans, or without any the sentence that the model looked at most."""
    copied = [s for s in generated.segments if s.passage is not None and s.passage >= 0]
    for s in copied:
        assert s.passage is not None
        quote = generated.text[s.answer_start : s.answer_end]
        yield CitedSpan(s.passage, s.start, s.end, quote, s.answer_start, s.answer_end)
    if not copied and generated.text and generated.focus is not None:
        passage, position = generated.focus
        start, end = sentence_around(passages[passage].text, position)
        quote = passages[passage].text[start:end]
        yield CitedSpan(passage, start, end, quote, 0, len(generated.text))


def _sentences(
    generated: Generated, citations: Sequence[CitedSpan], passages: Sequence[Passage]
) -> tuple[AnswerSentence, ...]:
    """The answer's sentences, marked as they are for a reader; a passage stands for a chunk."""
    nowhere = UUID(int=0)
    as_returned = [
        Citation(n, nowhere, 0, c.passage, "", c.start, c.end, c.quote, c.answer_start, c.answer_end)
        for n, c in enumerate(citations, start=1)
    ]
    return sentences_of(generated, as_returned, {i: p.text for i, p in enumerate(passages)})


def borne(
    sentences: Sequence[AnswerSentence], citations: Sequence[CitedSpan], passages: Sequence[Passage]
) -> list[bool]:
    """For each sentence of an answer, whether what it cites bears it.

    A reader is told that no yes and no no is borne, since no text contains it. Here a leading one is set
    aside where a reason follows, which is judged as any other sentence; "Yes." alone goes with the next one.
    """
    found: list[bool] = []
    for sentence in reversed(sentences):
        if _BARE.fullmatch(sentence.text):
            found.append(bool(found) and found[-1])
        elif _REASONED.match(sentence.text) and sentence.citation_ids:
            cited = " ".join(passages[citations[i - 1].passage].text for i in sentence.citation_ids)
            there = {w.lower() for w in WORD.findall(cited)} - DENIALS
            found.append({w.lower() for w in sentence.unsupported_words} - {*VERDICTS} <= there)
        else:
            found.append(sentence.supported)
    return found[::-1]


def _verdict_right(answer: str, expected: Sequence[str]) -> bool | None:
    wanted = {normalise_answer(e) for e in expected} & set(VERDICTS)
    if not wanted:
        return None
    first = normalise_answer(answer).split()[:1]
    return bool(first) and first[0] in wanted


def holds_answer(text: str, example: Example) -> bool:
    """Whether a passage is (part of) the example's own, or has an expected answer in it.

    Args:
        text: the passage.
        example: whose answers are looked for.
    """
    own = example.passages[example.gold or 0].text
    if text in own or own in text:
        return example.answerable
    return any(
        re.search(rf"(?<!\w){re.escape(a.text)}(?!\w)", text, re.IGNORECASE)
        for a in example.answers
        if a.start >= 0
    )


def _content_words(text: str) -> list[str]:
    return [w for w in map(str.lower, WORD.findall(text)) if w not in FUNCTION_WORDS]


def _unsupported_words(generated: Generated, citations: Sequence[CitedSpan]) -> tuple[str, ...]:
    cited = {word for c in citations for word in _content_words(c.quote)}
    written = [
        word
        for s in generated.segments
        if s.passage is None or s.passage < 0
        for word in _content_words(generated.text[s.answer_start : s.answer_end])
    ]
    return tuple(word for word in written if word not in cited)
