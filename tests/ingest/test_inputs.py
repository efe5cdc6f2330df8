import os
from pathlib import Path

import pytest

from ingest.errors import MissingPathError
from ingest.inputs import find_inputs
from ingest.readers import Problem, ProblemKind


def names(*paths: Path) -> list[str]:
    found = find_inputs([str(path) for path in paths]).found
    return [item.origin.name for item in found if isinstance(item.origin, Path)]


def problems(path: Path) -> list[Problem]:
    return [item.origin for item in find_inputs([str(path)]).found if isinstance(item.origin, Problem)]


def test_folders_are_searched_in_order(tmp_path: Path) -> None:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name in ("z.txt", "a.md", "sub/deep/c.html", "sub/b.csv"):
        (tmp_path / name).touch()
    assert names(tmp_path) == ["a.md", "z.txt", "b.csv", "c.html"]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "a.txt").touch()
    (tmp_path / ".b.txt").touch()
    assert names(tmp_path) == []


def test_overlapping_paths_give_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    assert names(tmp_path, tmp_path / "a.txt", tmp_path / ".." / tmp_path.name) == ["a.txt"]


def test_documents_that_no_reader_claims_are_problems_with_a_mend(tmp_path: Path) -> None:
    (tmp_path / "old.doc").touch()
    [problem] = problems(tmp_path)
    assert problem.kind == ProblemKind.UNSUPPORTED
    assert "save it as .docx" in problem.reason


def test_other_files_are_skipped_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").touch()
    [problem] = problems(tmp_path)
    assert (problem.kind, problem.source) == (ProblemKind.SKIPPED, (tmp_path / "a.xyz").as_uri())


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [problem.kind for problem in problems(tmp_path)] == [ProblemKind.SKIPPED]


def test_named_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    assert [problem.kind for problem in problems(tmp_path)] == [ProblemKind.SKIPPED]


def test_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingPathError, match="gone"):
        find_inputs([str(tmp_path), str(tmp_path / "gone")])


def test_sizes_are_known_before_reading(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("12345")
    (tmp_path / "b.txt").write_text("123")
    assert find_inputs([str(tmp_path)]).size_bytes == 8


def test_scopes_cover_what_lies_under_a_path(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    file, folder, module, library = find_inputs(
        [str(tmp_path / "a.jsonl"), str(tmp_path), "pydoc:json", "pydoc:stdlib"]
    ).scopes
    source = (tmp_path / "a.jsonl").as_uri()
    assert [file.covers(other) for other in (source, source + "#1", source + ".gz")] == [True, True, False]
    assert folder.prefix == tmp_path.as_uri() + "/"
    assert [module.covers(f"pydoc:{name}") for name in ("json", "json.tool", "jsonx")] == [True, True, False]
    assert [library.covers(f"pydoc:{name}") for name in ("os.path", "numpy")] == [True, False]


def test_empty_path_is_missing() -> None:
    with pytest.raises(MissingPathError):
        find_inputs([""])


def test_folder_covers_only_where_it_is_searched(tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "link").symlink_to(tmp_path)
    [scope] = find_inputs([str(tmp_path / "in")]).scopes
    names = ("a b.txt", "sub/a.jsonl#.1/.2", "gone/a.txt", ".a.txt", "sub/.git/a.txt", "node_modules/a.md")
    covered = [
        scope.covers(scope.prefix + name.replace(" ", "%20")) for name in (*names, "link/a.txt", "link")
    ]
    assert covered == [True] * 3 + [False] * 5
    assert not scope.covers(scope.prefix + "%2Egit/a.txt")


def test_library_covers_only_what_it_lists() -> None:
    library, package = find_inputs(["pydoc:stdlib", "pydoc:json"]).scopes
    listed = ("os.path", "json.tool", "json.gone")
    others = ("antigravity", "_thread", "json._x", "encodings.utf_8", "unittest.test.a", "numpy")
    assert all(library.covers(f"pydoc:{name}") for name in listed)
    assert not any(library.covers(f"pydoc:{name}") for name in others)
    assert not package.covers("pydoc:json._x")
