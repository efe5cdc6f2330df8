"""What the log keeps of an answer."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from store.responses import NewResponse, ResponseCitation, ResponseHit
from store.sessions import Place
from store.types import Corpus

if TYPE_CHECKING:  # it imports this
    from rag.answer import Answer, AskRequest


def to_log(
    request: "AskRequest",
    question: str,
    corpus: Corpus,
    answer: "Answer",
    body: Mapping[str, Any],
    *,
    place: Place,
) -> NewResponse:
    """The record of an answer; `body` is the answer in JSON's types, as the caller gets it.

    Where its place is in no session, one is opened with it.
    """
    return NewResponse(
        id=answer.response_id,
        session_id=answer.session_id,
        opens_session=place.session_id is None,
        parent_id=place.parent_id,
        user=request.user,
        corpus_id=corpus.id,
        question=question,
        answer=answer.answer,
        abstained=answer.abstained,
        abstain_reason=answer.abstain_reason,
        answerable_probability=answer.answerable_probability,
        model=answer.model,
        index_position=answer.index_position,
        body=body,
        parameters={
            "top_k": request.top_k,
            "filters": dict(request.filters),
            "generation": asdict(request.generation),
            "expand": request.expand.value,
        },
        timings_ms=answer.timings_ms,
        hits=tuple(
            ResponseHit(h.chunk_id, h.scores.keyword, h.scores.vector, h.scores.fused, h.scores.rerank)
            for h in answer.hits
        ),
        citations=tuple(
            ResponseCitation(
                document_id=c.document_id,
                document_version=c.document_version,
                chunk_id=c.chunk_id,
                start=c.start,
                end=c.end,
                quote=c.quote,
                answer_start=c.answer_start,
                answer_end=c.answer_end,
            )
            for c in answer.citations
        ),
    )
