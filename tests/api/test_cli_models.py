"""`rag evaluate` from the command line: what it takes, writes and refuses."""

import json
import shutil
from pathlib import Path

import pytest

from rag.generator.checkpoint import describe
from tests.api.command_line import Rag, assert_one_line
from tests.rag.test_data import line


def questions(path: Path, *numbers: int) -> Path:
    path.write_text("".join(json.dumps(line(n)) + "\n" for n in numbers))
    return path


def test_several_files_follow_one_option(rag: Rag, tmp_path: Path) -> None:
    first, second = questions(tmp_path / "one.jsonl", 1, 2), questions(tmp_path / "two.jsonl", 3)
    out, predictions = tmp_path / "out.json", tmp_path / "predictions.jsonl"
    done = rag("evaluate", "--qa", first, second, "--json", out, "--predictions", predictions)
    assert done.code == 0, done.err
    report = json.loads(out.read_text())
    assert {name: figures["n"] for name, figures in report["sets"].items()} == {"one": 2, "two": 1}
    assert report["sets"]["one"]["verified_share"] in (1.0, None)
    assert [json.loads(row)["id"] for row in predictions.read_text().splitlines()] == ["1", "2", "3"]
    assert "one" in done.out


def test_a_threshold_for_a_risk_goes_into_the_checkpoint(
    rag: Rag, tmp_path: Path, checkpoint_folder: Path
) -> None:
    asked, picture = questions(tmp_path / "one.jsonl", 1, 2), tmp_path / "out.png"
    mine = tmp_path / "mine"
    shutil.copytree(checkpoint_folder, mine)
    done = rag("evaluate", "--qa", asked, "--picture", picture, "--risk", "1", "--generator", mine)
    assert done.code == 0, done.err
    calibration = describe(mine)["judged_calibration"]
    assert (calibration["risk"], calibration["coverage"]) == (1.0, 1.0)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert_one_line(rag("evaluate", "--qa", asked, "--risk", "0.5"), 2, "--generator")


def test_open_questions_retrieve_from_further_files_too(rag: Rag, tmp_path: Path) -> None:
    asked, more = questions(tmp_path / "one.jsonl", 1), questions(tmp_path / "more.jsonl", 2, 3)
    out = tmp_path / "out.json"
    done = rag(
        "evaluate",
        "--qa",
        asked,
        "--setting",
        "open",
        "--corpus-from",
        more,
        "--style",
        "span",
        "--json",
        out,
    )
    assert done.code == 0, done.err
    report = json.loads(out.read_text())
    assert (report["passages"], report["style"]) == (3, "span")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "--qa"),
        (["--qa", "no-such-file.jsonl"], "no-such-file.jsonl"),
        (["--qa", "x.jsonl", "--json", "no/such/folder/out.json"], "no/such/folder"),
    ],
)
def test_what_cannot_be_measured_is_2(rag: Rag, arguments: list[str], word: str) -> None:
    assert_one_line(rag("evaluate", *arguments), 2, word)


def test_a_line_that_is_no_example_is_2_and_numbered(rag: Rag, tmp_path: Path) -> None:
    path = questions(tmp_path / "one.jsonl", 1)
    path.write_text(path.read_text() + "\n{}\n")
    assert_one_line(rag("evaluate", "--qa", path), 2, "line 3")


def test_two_files_of_one_name_are_2(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    first, second = questions(tmp_path / "one.jsonl", 1), questions(tmp_path / "a" / "one.jsonl", 2)
    assert_one_line(rag("evaluate", "--qa", first, second), 2, "one", "rename")


def test_the_mean_of_checkpoints_is_a_checkpoint(rag: Rag, tmp_path: Path, checkpoint_folder: Path) -> None:
    out = tmp_path / "mean"
    done = rag("average", f"{checkpoint_folder}=0.5", f"{checkpoint_folder}=0.5", "--out", out, "--json")
    assert done.code == 0, done.err
    assert [part["share"] for part in describe(out)["averaged"]] == [0.5, 0.5]
    assert_one_line(rag("average", str(checkpoint_folder), "--out", out), 2, "FOLDER=SHARE")
