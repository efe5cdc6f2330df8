"""What one document may take before it is stopped."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds for reading; a document that goes over one is quarantined, and the others go on.

    `document_s` is the time until the next document, or the next record of a file, is complete.
    `memory_bytes` is what the process that reads may allocate; None: as much as there is.
    `input_characters` is the text that one file, with all that is packed in it, may give.
    `attempts` is how often something that makes the process die is tried.
    """

    document_s: float = 300.0
    memory_bytes: int | None = 4_000_000_000
    input_characters: int = 2_000_000_000
    attempts: int = 3
