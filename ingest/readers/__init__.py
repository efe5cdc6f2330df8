"""Readers: one file per media type; each gives documents, and problems for what it had to leave out."""

from ingest.readers.document import (
    Heading,
    Problem,
    ProblemKind,
    RawDocument,
    Reading,
    ReadOptions,
    Remark,
)
from ingest.readers.files import SUFFIXES, file_source, media_type_of, read, unsupported

__all__ = [
    "SUFFIXES",
    "Heading",
    "Problem",
    "ProblemKind",
    "RawDocument",
    "ReadOptions",
    "Reading",
    "Remark",
    "file_source",
    "media_type_of",
    "read",
    "unsupported",
]
