"""What the settings say about how files are read."""

from dataclasses import replace
from typing import TYPE_CHECKING

from api.settings import Settings

if TYPE_CHECKING:  # commands that read no files need none of it
    from ingest.readers import ReadOptions


def with_settings(options: "ReadOptions", settings: Settings) -> "ReadOptions":
    """The options with what the settings add: what reads scanned pages, pictures and recordings."""
    return replace(
        options,
        tesseract=settings.tesseract,
        ocr_languages=settings.ocr_languages,
        read_images=settings.read_images,
        speech_model=settings.speech_model,
    )
