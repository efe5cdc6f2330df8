"""How a response gets into the log: in one statement, which costs one way to the database and back.

With its hits, citations and scores it is there or it is not, also where every statement is a transaction of
its own.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from store.evaluations import EVALUATOR, TAKES, Evaluation
from store.responses import NewResponse, ResponseCitation, ResponseHit
from store.scores import ScoreSource
from store.sealed_log import ResponseContent, response_columns, stored_quote
from store.statement import Statement

# `kept`: a corpus that was deleted meanwhile is left out, and one that is there stays until the end.
_WRITE = Statement(
    lambda: text(
        f"""
    WITH asker AS (
        SELECT id FROM users WHERE name = CAST(:user AS text) AND CAST(:scored AS int) = (
            SELECT count(*) FROM score_definitions WHERE name = ANY (CAST(:score_names AS text[])))
    ), kept AS (
        SELECT id FROM corpora WHERE id = CAST(:corpus_id AS bigint) FOR KEY SHARE
    ), opened AS (
        INSERT INTO sessions (id, user_id, corpus_id)
        SELECT CAST(:session_id AS uuid), asker.id, (SELECT id FROM kept) FROM asker
        WHERE CAST(:opens_session AS boolean)
    ), logged AS (
        INSERT INTO responses
            (id, session_id, parent_id, user_id, corpus_id, question, answer, abstained, abstain_reason,
             answerable_probability, model, index_position, body, parameters, timings_ms, total_ms, sealed,
             data_key_id, words)
        SELECT CAST(:id AS uuid), CAST(:session_id AS uuid), CAST(:parent_id AS uuid), asker.id,
            (SELECT id FROM kept), CAST(:question AS text), CAST(:answer AS text),
            CAST(:abstained AS boolean), CAST(:abstain_reason AS text),
            CAST(:answerable_probability AS float8), CAST(:model AS text), CAST(:index_position AS bigint),
            CAST(:body AS jsonb), CAST(:parameters AS jsonb), CAST(:timings_ms AS jsonb),
            CAST(:total_ms AS real), CAST(:sealed AS bytea), CAST(:data_key_id AS uuid),
            CAST(:words AS bigint[])
        FROM asker RETURNING id
    ), hits AS (
        INSERT INTO response_hits (response_id, chunk_id, keyword, vector, fused, rerank, rank)
        SELECT logged.id, hit.* FROM logged, unnest(
            CAST(:chunk_ids AS bigint[]), CAST(:keyword AS float8[]), CAST(:vector AS float8[]),
            CAST(:fused AS float8[]), CAST(:rerank AS float8[])) WITH ORDINALITY AS hit
    ), citations AS (
        INSERT INTO response_citations
            (response_id, document_id, document_version, chunk_id, start_offset, end_offset, quote,
             answer_start, answer_end, ordinal)
        SELECT logged.id, citation.* FROM logged, unnest(
            CAST(:document_ids AS uuid[]), CAST(:versions AS int[]), CAST(:cited_chunk_ids AS bigint[]),
            CAST(:starts AS int[]), CAST(:ends AS int[]), CAST(:quotes AS text[]),
            CAST(:answer_starts AS int[]), CAST(:answer_ends AS int[])) WITH ORDINALITY AS citation
    ), scored AS (
        INSERT INTO scores
            (id, response_id, definition_id, source, evaluator, evaluator_version, number, details)
        SELECT gen_random_uuid(), logged.id, score_definitions.id, CAST(:source AS text),
            CAST(:evaluator AS text), score.version, score.number, CAST(score.details AS jsonb)
        FROM logged, score_definitions, unnest(
            CAST(:score_names AS text[]), CAST(:score_versions AS text[]), CAST(:numbers AS float8[]),
            CAST(:details AS text[])) AS score (name, version, number, details)
        WHERE score_definitions.name = score.name AND {TAKES}
    )
    SELECT id FROM logged
    """
    )
)


def write(session: Session, response: NewResponse, evaluations: Sequence[Evaluation]) -> bool:
    """Write a response with all that belongs to it, and what our evaluators say of it.

    False: nothing was written, because the user or the definition of a score is not there yet.
    """
    content = ResponseContent(
        response.question,
        response.answer,
        response.body,
        response.parameters,
        tuple(citation.quote for citation in response.citations),
    )
    columns = {
        "sealed": None,
        "data_key_id": None,
        "words": None,
        **response_columns(session, response.id, content),
    }
    given = {
        "id": response.id,
        "session_id": response.session_id,
        "opens_session": response.opens_session,
        "parent_id": response.parent_id,
        "user": response.user,
        "corpus_id": response.corpus_id,
        "abstained": response.abstained,
        "abstain_reason": response.abstain_reason,
        "answerable_probability": response.answerable_probability,
        "model": response.model,
        "index_position": response.index_position,
        "timings_ms": json.dumps(dict(response.timings_ms)),
        "total_ms": response.timings_ms.get("total"),
        **columns,
        "body": json.dumps(columns["body"]),
        "parameters": json.dumps(columns["parameters"]),
        **_of_hits(response.hits),
        **_of_citations(session, response.citations),
        **_of_scores(evaluations),
    }
    return _WRITE.first(session, given) is not None


def _of_hits(hits: Sequence[ResponseHit]) -> Mapping[str, Any]:
    return {
        "chunk_ids": [hit.chunk_id for hit in hits],
        "keyword": [hit.keyword for hit in hits],
        "vector": [hit.vector for hit in hits],
        "fused": [hit.fused for hit in hits],
        "rerank": [hit.rerank for hit in hits],
    }


def _of_citations(session: Session, citations: Sequence[ResponseCitation]) -> Mapping[str, Any]:
    return {
        "document_ids": [citation.document_id for citation in citations],
        "versions": [citation.document_version for citation in citations],
        "cited_chunk_ids": [citation.chunk_id for citation in citations],
        "starts": [citation.start for citation in citations],
        "ends": [citation.end for citation in citations],
        "quotes": [stored_quote(session, citation.quote) for citation in citations],
        "answer_starts": [citation.answer_start for citation in citations],
        "answer_ends": [citation.answer_end for citation in citations],
    }


def _of_scores(evaluations: Sequence[Evaluation]) -> Mapping[str, Any]:
    return {
        "scored": len({e.name for e in evaluations}),
        "source": ScoreSource.EVALUATOR.value,
        "evaluator": EVALUATOR,
        "score_names": [e.name for e in evaluations],
        "score_versions": [e.version for e in evaluations],
        "numbers": [float(e.value) for e in evaluations if e.value is not None],
        "details": [None if e.details is None else json.dumps(dict(e.details)) for e in evaluations],
    }
