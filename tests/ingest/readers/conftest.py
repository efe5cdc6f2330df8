from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.readers import Problem, RawDocument, ReadOptions, read

Read = Callable[..., list[RawDocument | Problem]]


@pytest.fixture
def read_bytes(tmp_path: Path) -> Read:
    """Writes a file and reads it with the given options."""

    def read_bytes(name: str, content: bytes | str, **options: object) -> list[RawDocument | Problem]:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return list(read(path, ReadOptions(**options)))  # type: ignore[arg-type]

    return read_bytes


def only_document(items: list[RawDocument | Problem]) -> RawDocument:
    [item] = items
    assert isinstance(item, RawDocument), item
    return item


def only_problem(items: list[RawDocument | Problem]) -> Problem:
    [item] = items
    assert isinstance(item, Problem), item
    return item
