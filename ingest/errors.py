"""What can go wrong with a whole ingestion; a single bad document is a `Problem` in the report instead."""

from collections.abc import Sequence


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


class EmbeddingError(IngestError):
    """What `embed` returned is not one finite vector of the corpus's dimension for each text."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The vectors cannot be stored: {reason}. Use the encoder that the corpus was made with."
        )
