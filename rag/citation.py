"""Citations: which characters of which document stand behind which characters of an answer.

A copied piece of an answer is a citation once the stored text of its document version, read back from
the database, equals it at the offsets that will be returned. A sentence is supported when it has such a
citation and no content word of it was written (rather than copied) that the chunks it cites lack.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from rag.generator.compose import Segment
from rag.generator.generate import Generated
from rag.generator.words import FUNCTION_WORDS, WORD, sentence_around, sentence_spans
from rag.retriever.retriever import Hit
from store import documents
from store.places import place_between
from store.postgres import Database

logger = logging.getLogger(__name__)

VERDICTS = frozenset({"yes", "no", "not", "nor", "never", "none", "neither", "without", "cannot"})
"""Words that turn a claim round: a chunk that has them somewhere does not bear out who wrote them."""


@dataclass(frozen=True)
class Citation:
    """`quote` is characters `start … end` of the document version, behind `answer_start … answer_end`."""

    id: int
    document_id: UUID
    document_version: int
    chunk_id: int
    source: str
    start: int
    end: int
    quote: str
    answer_start: int
    answer_end: int
    place: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class AnswerSentence:
    """A sentence of an answer, `start … end` of it, and whether its citations bear it."""

    text: str
    start: int
    end: int
    supported: bool
    citation_ids: tuple[int, ...]
    unsupported_words: tuple[str, ...] = ()
    """Content words that were written, not copied, and that none of its quotes has."""


def cite(database: Database, generated: Generated, hits: Sequence[Hit]) -> tuple[Citation, ...]:
    """Return the verified citations of an answer; pieces that do not verify get none."""
    proposed = [
        _propose(s, hits[s.passage]) for s in generated.segments if s.passage is not None and s.passage >= 0
    ]
    if not proposed and generated.text and generated.focus is not None:
        proposed = [_focus(generated, hits[generated.focus[0]])]
    with database.transaction() as session:
        stored = [
            documents.excerpt(session, c.document_id, c.document_version, c.start, c.end) for c in proposed
        ]
    verified: list[Citation] = []
    for citation, text in zip(proposed, stored, strict=True):
        if text == citation.quote:
            verified.append(replace(citation, id=len(verified) + 1))
        else:
            logger.error(
                "a citation of chunk %d does not stand in document %s version %d at %d: it is left out",
                citation.chunk_id, citation.document_id, citation.document_version, citation.start,
            )  # fmt: skip
    return tuple(verified)


def _propose(segment: Segment, hit: Hit) -> Citation:
    chunk = hit.chunk
    start, end = chunk.start + segment.start, chunk.start + segment.end
    return Citation(
        id=0,
        document_id=chunk.document_id,
        document_version=chunk.document_version,
        chunk_id=chunk.id,
        source=chunk.source,
        start=start,
        end=end,
        quote=chunk.text[segment.start : segment.end],
        answer_start=segment.answer_start,
        answer_end=segment.answer_end,
        place=place_between(chunk.places, start, end),
    )


def _focus(generated: Generated, hit: Hit) -> Citation:
    """For an answer without a copied piece (a yes or no): the sentence that the model looked at most."""
    assert generated.focus is not None
    start, end = sentence_around(hit.chunk.text, generated.focus[1])
    return _propose(Segment(0, len(generated.text), generated.focus[0], start, end), hit)


def sentences_of(
    generated: Generated, citations: Sequence[Citation], chunk_texts: Mapping[int, str]
) -> tuple[AnswerSentence, ...]:
    """Cut an answer into sentences and say of each whether its citations bear it.

    Args:
        generated: the answer and its parts.
        citations: the verified ones.
        chunk_texts: the text of each cited chunk by its id.
    """
    made = []
    copied = [(s.answer_start, s.answer_end) for s in generated.segments if s.passage is not None]
    for start, end in sentence_spans(generated.text, copied):
        cited = [c for c in citations if c.answer_start < end and c.answer_end > start]
        context = _words(" ".join(chunk_texts[c.chunk_id] for c in cited)) - VERDICTS
        quoted = _words(" ".join(c.quote for c in cited)) - VERDICTS
        written = _written_words(generated, citations, start, end)
        unverified = {w.lower() for w in written} - context
        made.append(
            AnswerSentence(
                text=generated.text[start:end],
                start=start,
                end=end,
                supported=bool(cited) and not unverified,
                citation_ids=tuple(c.id for c in cited),
                unsupported_words=tuple(dict.fromkeys(w for w in written if w.lower() not in quoted)),
            )
        )
    return tuple(made)


def _written_words(generated: Generated, citations: Sequence[Citation], start: int, end: int) -> list[str]:
    """Content words of a sentence that no verified citation copied, in their order."""
    copied = {(c.answer_start, c.answer_end) for c in citations}
    words: list[str] = []
    for segment in generated.segments:
        place = (segment.answer_start, segment.answer_end)
        is_copied = segment.passage is not None and segment.passage >= 0 and place in copied
        if segment.answer_start < end and segment.answer_end > start and not is_copied:
            written = generated.text[max(start, segment.answer_start) : min(end, segment.answer_end)]
            words += [w for w in WORD.findall(written) if w.lower() not in FUNCTION_WORDS]
    return words


def _words(text: str) -> set[str]:
    return {w.lower() for w in WORD.findall(text)}
