"""What our words are in OpenAI's: models and corpora, files and documents, filters, citations."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from api.refusals import CorpusChoiceError, UnknownFileError, UnknownModelError, UnsupportedError
from api.schemas.answers import AnswerView, CitationView
from api.schemas.openai import (
    Annotation,
    FileAnnotation,
    FileCitation,
    FileView,
    Message,
    UrlAnnotation,
    UrlCitation,
)
from store import corpora
from store.errors import FilterError
from store.types import Document
from store.visibility import Reader

MODEL = "groundwork"
OF_CORPUS = MODEL + "/"
FILE = "file-"
COMPARED = ("gt", "gte", "lt", "lte")
MAX_DEPTH = 20


def model_of(corpus: str) -> str:
    """The name of the model that answers from a corpus."""
    return OF_CORPUS + corpus


def corpus_of(session: Session, model: str, corpus: str | None, reader: Reader) -> str:
    """The name of the corpus that a model answers from; `corpus`, where it is given, counts.

    Raises:
        UnknownModelError: There is no such model.
        CorpusChoiceError: The model alone does not say which corpus.
    """
    if model != MODEL and not model.startswith(OF_CORPUS):
        raise UnknownModelError(model)
    if corpus is not None:
        return corpus
    if model != MODEL:
        return model.removeprefix(OF_CORPUS)
    return only_corpus(session, reader)


def only_corpus(session: Session, reader: Reader) -> str:
    """The name of the one corpus that there is.

    Raises:
        CorpusChoiceError: There is none, or more than one.
    """
    found = [summary.corpus.name for summary in corpora.page(session, after=None, limit=2, reader=reader)]
    if len(found) != 1:
        raise CorpusChoiceError
    return found[0]


def question_of(messages: Sequence[Message]) -> str:
    """The question of a conversation: its last message, which has to be the user's.

    Raises:
        UnsupportedError: It is somebody else's, or holds something that is no text.
    """
    last = messages[-1]
    if last.role != "user":
        raise UnsupportedError("The last message has to be the user's: it is the question.")
    return text_of(last)


def text_of(message: Message) -> str:
    """The text of a message.

    Raises:
        UnsupportedError: It holds something that is no text.
    """
    if not isinstance(message.content, list):
        return message.content or ""
    other = [part.type for part in message.content if part.type != "text"]
    if other:
        raise UnsupportedError(f"A message holds a part of type {other[0][:50]!r}: only text can be read.")
    return "\n".join(part.text or "" for part in message.content)


def annotations_of(answer: AnswerView) -> list[Annotation]:
    """The citations of an answer; `start_index` and `end_index` count characters of the answer."""
    return [_annotation(citation, answer) for citation in answer.citations]


def _annotation(citation: CitationView, answer: AnswerView) -> Annotation:
    title = next((hit.title for hit in answer.hits if hit.chunk_id == citation.chunk_id), citation.source)
    start, end = citation.answer_start, citation.answer_end
    if citation.source.startswith(("http://", "https://")):
        return UrlAnnotation(
            url_citation=UrlCitation(start_index=start, end_index=end, url=citation.source, title=title)
        )
    return FileAnnotation(
        file_citation=FileCitation(
            start_index=start,
            end_index=end,
            file_id=file_id(citation.document_id),
            filename=citation.source,
            quote=citation.quote,
            start=citation.start,
            end=citation.end,
        )
    )


def file_id(document_id: UUID) -> str:
    """A document's id as that of a file."""
    return FILE + document_id.hex


def document_id(file: str) -> UUID:
    """The id of the document that a file is.

    Raises:
        UnknownFileError: It is no file's id.
    """
    try:
        return UUID(hex=file.removeprefix(FILE))
    except ValueError:
        raise UnknownFileError(file) from None


def file_of(document: Document) -> FileView:
    """A document as a file."""
    return FileView(
        id=file_id(document.id),
        bytes=document.characters,
        created_at=int(document.created_at.timestamp()),
        filename=document.source,
    )


def filters_of(filter: Mapping[str, Any] | None, depth: int = 0) -> dict[str, Any]:
    """A filter of OpenAI's as one of ours: see `store.filters`.

    Raises:
        FilterError: It has a shape that means nothing.
    """
    if not filter:
        return {}
    kind, key = filter.get("type"), filter.get("key")
    if kind in ("and", "or"):
        parts = filter.get("filters")
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            raise FilterError(filter, f"`filters` of an {kind!r} has to be a list of filters")
        if depth == MAX_DEPTH:
            raise FilterError(filter, f"it is nested more than {MAX_DEPTH} deep")
        return {kind: [filters_of(part, depth + 1) for part in parts]}
    if not isinstance(key, str) or "value" not in filter:
        raise FilterError(filter, "a comparison needs `type`, `key` and `value`")
    value = filter["value"]
    if kind in ("eq", "in"):
        return {key: value}
    if kind in ("ne", "nin"):
        return {key: {"not": value}}
    if kind in COMPARED:
        return {key: {kind: value}}
    raise FilterError(filter, f"there is no comparison {kind!r}")


def attributes_of(metadata: Mapping[str, Any]) -> dict[str, str | float | bool]:
    """What of a document's metadata fits into attributes: texts, numbers and truth values."""
    return {key: value for key, value in metadata.items() if isinstance(value, str | int | float | bool)}
