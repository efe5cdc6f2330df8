"""What can go wrong with a whole ingestion; a single bad document is a `Problem` in the report instead."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID


class IngestError(Exception):
    """The parent of every error that ends an ingestion."""


class MissingPathError(IngestError):
    """A path that was asked for does not exist."""

    def __init__(self, path: str) -> None:
        super().__init__(f"There is no file or folder {path!r}. Check the spelling; nothing was ingested.")
        self.path = path


class UnknownModuleError(IngestError):
    """A `pydoc:` name that this Python does not have."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"This Python has no module {name!r}. Name one that it can find, such as 'pydoc:json', "
            f"or all of the standard library with 'pydoc:stdlib'."
        )
        self.name = name


class UnknownEncodingError(IngestError):
    """An encoding that Python does not know."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"There is no text encoding {encoding!r}. Use one such as utf-8, latin-1 or cp1252.")
        self.encoding = encoding


class UnknownMediaTypeError(IngestError):
    """A media type that no reader claims."""

    def __init__(self, media_type: str, known: Sequence[str]) -> None:
        super().__init__(f"No reader is there for {media_type!r}. Send one of: {', '.join(known)}.")
        self.media_type = media_type


class DatabaseSourceError(IngestError):
    """A database that was to be read cannot be: the address or the query is wrong."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"The database {place!r} cannot be read: {reason}.")
        self.place = place


class EmbeddingError(IngestError):
    """What `embed` returned is not one finite vector of the corpus's dimension for each text."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The vectors cannot be stored: {reason}. Use the encoder that the corpus was made with."
        )


class ReaderStartError(IngestError):
    """The process that reads documents cannot be started."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The process that reads documents does not start: {reason}. Check that the installation is "
            "whole and that RAG_READER_MEMORY_BYTES is large enough."
        )


class ReadingError(IngestError):
    """Reading stopped by a mistake of ours."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Reading documents stopped: {reason}. Please report it; what was stored stays.")


class RequestError(IngestError):
    """The request of a stored job cannot be carried out again."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The job cannot go on: {reason}. Ingest the same again instead.")


class JobStoppedError(IngestError):
    """Somebody paused or cancelled the job."""

    def __init__(self, job_id: UUID) -> None:
        super().__init__(
            f"Job {job_id} was paused or cancelled. What it stored stays; `rag jobs resume {job_id}` goes on "
            "with a paused one."
        )
        self.job_id = job_id


class CorpusSettingsError(IngestError):
    """A setting of a corpus is unknown or has a value that cannot be used."""


class NamesModelError(IngestError):
    """The model that should find names cannot be used."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            f"The names model {str(folder)!r} cannot be used: {reason}. Set RAG_NAMES_MODEL to the folder of "
            "a transformers model for token classification with a label for persons."
        )


class ForgetError(IngestError):
    """What should name a person could name anything."""

    def __init__(self, term: str) -> None:
        super().__init__(
            f"{term!r} is too short to tell a person by: it would be covered wherever it stands. Give a full "
            "name, an e-mail address or a number."
        )


class PathPatternError(IngestError):
    """A pattern for paths that cannot label anything."""

    def __init__(self, pattern: str) -> None:
        super().__init__(
            f"The path pattern {pattern!r} cannot be used: it names nothing, or something twice. Write e.g. "
            "reports/{department}/{year}/*.pdf"
        )


class AnonymizerError(IngestError):
    """A corpus is to be anonymous, but nothing is there that makes it so; nothing was stored."""

    def __init__(self, corpus: str) -> None:
        super().__init__(
            f"Corpus {corpus!r} is anonymised, which needs the key of the vault. Set RAG_VAULT_KEY or "
            "RAG_VAULT_KEY_FILE."
        )
