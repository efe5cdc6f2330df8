"""What of a chunk is searched."""

from collections.abc import Sequence


def search_text(heading_path: Sequence[str], text: str) -> str:
    """Return the text that both indexes and the encoder see of a chunk: its headings, then its text."""
    if not heading_path:
        return text
    return " › ".join(heading_path) + "\n" + text
