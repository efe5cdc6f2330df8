from pathlib import Path

import pytest

from rag.errors import DataError
from rag.evaluation.picture import draw
from rag.evaluation.qa import evaluate_qa
from rag.plots import check_ending
from tests.rag.test_evaluation import FirstWords, file

__all__ = ["file"]  # a fixture


@pytest.mark.parametrize("name", ["report.png", "report.svg"])
def test_a_report_becomes_a_picture(file: Path, tmp_path: Path, name: str) -> None:
    report = evaluate_qa([file], FirstWords(), risk=0.5)
    draw(report, tmp_path / name)
    begins = (tmp_path / name).read_bytes()[:5]
    assert begins in (b"\x89PNG\r", b"<?xml")
    assert [p.name for p in tmp_path.iterdir() if "report" in p.name] == [name]


def test_other_endings_are_refused() -> None:
    with pytest.raises(DataError, match=r"\.png"):
        check_ending(Path("report.gif"))
