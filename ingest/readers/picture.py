"""Pictures: the text in them, recognised by Tesseract; passed over unless the settings say otherwise."""

import mimetypes
from pathlib import Path

from ingest.readers.bytes import UnfitTextError, open_file, too_large
from ingest.readers.document import ProblemKind, RawDocument, Reading, ReadOptions
from ingest.readers.plain import require_text
from ingest.readers.recognise import recognise


def read_picture(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the text of a picture as a document."""
    if not options.read_images:
        reason = "pictures are passed over; to read their text with Tesseract, set RAG_READ_IMAGES=true"
        raise UnfitTextError(ProblemKind.SKIPPED, reason)
    with open_file(path) as file:
        data = file.stream.read(options.max_document_bytes + 1)
    if len(data) > options.max_document_bytes:
        raise too_large("The picture", options)
    require_text(data[:1].decode("latin-1"))
    media_type = mimetypes.guess_type(path.name.removesuffix(".gz"))[0] or "image/*"
    yield RawDocument(source, title, require_text(recognise(data, options)), media_type)
