"""Text in pictures, recognised by Tesseract, a program that has to be installed."""

import os
import shutil
import subprocess

from ingest.clean import normalise, normalise_line
from ingest.readers.bytes import UnfitTextError
from ingest.readers.document import ProblemKind, ReadOptions

_TIMEOUT_S = 300.0


def can_recognise(options: ReadOptions) -> bool:
    """Whether Tesseract is installed."""
    return shutil.which(options.tesseract) is not None


def recognise(picture: bytes, options: ReadOptions) -> str:
    """Returns the text in a picture (PNG, JPEG, TIFF, PGM, …), its paragraphs parted by empty lines.

    Raises:
        UnfitTextError: Tesseract is not installed, cannot read the picture or takes minutes.
    """
    program = shutil.which(options.tesseract)
    if program is None:
        raise UnfitTextError(ProblemKind.SCANNED, missing(options))
    # Read as one page with its layout found by itself; one thread, for the models need the cores too.
    command = [program, "stdin", "stdout", "-l", options.ocr_languages, "--psm", "3"]
    try:
        done = subprocess.run(
            command, input=picture, capture_output=True, timeout=_TIMEOUT_S, check=True,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        reason = f"Tesseract took longer than {_TIMEOUT_S:.0f} s; scan it at a lower resolution"
        raise UnfitTextError(ProblemKind.SCANNED, reason) from None
    except subprocess.CalledProcessError as error:
        said = normalise_line(error.stderr.decode("utf-8", "replace"), 200)
        reason = f"Tesseract could not read it ({said}); check the picture and the languages"
        raise UnfitTextError(ProblemKind.SCANNED, reason) from error
    return normalise(done.stdout.decode("utf-8", "replace"))


def missing(options: ReadOptions) -> str:
    """Returns what to say where Tesseract is needed and not there."""
    return f"there is no program {options.tesseract!r}; install Tesseract, or say where it is (RAG_TESSERACT)"
