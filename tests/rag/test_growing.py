import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rag.errors import DataError
from rag.training.growing import Block, Grown, grow


class KilledError(Exception):
    """Stands for the power cut."""


def make(first: int) -> Iterator[Block]:
    for n in range(first, 10):
        able = {"id": str(n), "answerable": True}
        yield Block(n + 1, 3, [able, {"id": f"{n}#none", "answerable": False}] if n % 2 else [able])


def nothing(grown: Grown) -> None:
    pass


def kill_after(blocks: int) -> Callable[[Grown], None]:
    def report(grown: Grown) -> None:
        if grown.next_item == blocks:
            raise KilledError

    return report


def ids(path: Path) -> list[str]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line)["id"] for line in file]


def test_a_file_ends_with_enough_answerable_examples(tmp_path: Path) -> None:
    grown = grow(tmp_path / "a.jsonl.gz", {}, 3, make, nothing)
    assert ids(tmp_path / "a.jsonl.gz") == ["0", "1", "1#none", "2"]
    assert (grown.answerable, grown.unanswerable, grown.tried) == (3, 1, 9)
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl.gz"]


def test_a_killed_command_goes_on_to_the_same_file(tmp_path: Path) -> None:
    grow(tmp_path / "whole.jsonl.gz", {"seed": 1}, 8, make, nothing)
    out = tmp_path / "a.jsonl.gz"
    with pytest.raises(KilledError):
        grow(out, {"seed": 1}, 8, make, kill_after(4))
    with (tmp_path / "a.jsonl.gz.partial").open("ab") as file:
        file.write(b"half a block")
    assert not out.exists()
    grow(out, {"seed": 1}, 8, make, nothing)
    assert out.read_bytes() == (tmp_path / "whole.jsonl.gz").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"), [({"seed": 2}, "other seed"), ({"models": "x"}, "other models")]
)
def test_a_file_of_another_command_is_not_gone_on_with(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(KilledError):
        grow(tmp_path / "a.jsonl.gz", {"seed": 1}, 8, make, kill_after(2))
    with pytest.raises(DataError, match=message):
        grow(tmp_path / "a.jsonl.gz", {"seed": 1} | change, 8, make, nothing)


def test_a_file_that_lost_what_its_state_knows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        grow(tmp_path / "a.jsonl.gz", {}, 8, make, kill_after(2))
    (tmp_path / "a.jsonl.gz.partial").write_bytes(b"")
    with pytest.raises(DataError, match="shorter than"):
        grow(tmp_path / "a.jsonl.gz", {}, 8, make, nothing)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot write .*nowhere"):
        grow(tmp_path / "nowhere" / "a.jsonl.gz", {}, 8, make, nothing)
