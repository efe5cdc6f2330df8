import sys
from pathlib import Path

import pytest

from ingest.clean import normalise
from ingest.errors import UnknownModuleError
from ingest.readers import Problem, ProblemKind, RawDocument
from ingest.readers.pydoc import pydoc_modules, read_pydoc
from tests.ingest.readers.conftest import only_document, only_problem


def document_of(name: str) -> RawDocument:
    return only_document(list(read_pydoc(pydoc_modules(name)[0])))


def test_function_stands_under_its_signature() -> None:
    document = document_of("functools")
    assert document.source == "pydoc:functools"
    assert (
        "\n\nfunctools.lru_cache(maxsize=128, typed=False)\nLeast-recently-used cache decorator.\n"
        in document.text
    )


def test_headings_are_module_class_and_method() -> None:
    document = document_of("datetime")
    found = {(heading.level, heading.title) for heading in document.headings}
    assert {(1, "datetime"), (2, "datetime"), (3, "strptime")} <= found
    assert all(document.text[heading.start : heading.end] for heading in document.headings)
    assert document.text == normalise(document.text)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("math", "math.sqrt(x, /)\nReturn the square root of x."),
        ("builtins", "str.strip(chars=None, /)\nReturn a copy of the string"),
        ("time", "time.time() -> floating point number\nReturn the current time"),
        ("random", "random.choice(seq)\nChoose a random element"),
        ("asyncio.tasks", "asyncio.gather(*coros_or_futures, return_exceptions=False)\nReturn a future"),
        ("collections", "class collections.deque"),
        ("os", "os.listdir(path=None)\nReturn a list"),
        ("os.path", "os.path.join(a, *p)\nJoin two or more"),
        ("struct", "Functions to convert between Python values and C structs"),
        ("concurrent.futures", "concurrent.futures.as_completed(fs, timeout=None)\n"),
    ],
)
def test_public_api_is_found_where_it_is_used(module: str, line: str) -> None:
    assert line in document_of(module).text


def test_wrapped_prose_is_joined_and_examples_are_kept() -> None:
    text = document_of("textwrap").text
    assert (
        "Reformat the single paragraph in 'text' to fit in lines of no more than 'width' columns, and "
        in text
    )
    assert "\n>>> " in document_of("heapq").text or "\n    >>> " in document_of("statistics").text


def test_package_brings_its_public_submodules() -> None:
    names = [module.name for module in pydoc_modules("json")]
    assert names == ["json", "json.decoder", "json.encoder", "json.scanner", "json.tool"]


def test_standard_library_leaves_out_private_and_old_modules() -> None:
    names = {module.name for module in pydoc_modules("stdlib")}
    assert {"functools", "builtins", "os.path", "asyncio.tasks", "xml.etree.ElementTree"} <= names
    assert not any(
        part.startswith("_") or part in ("test", "tests") for name in names for part in name.split(".")
    )
    assert not names & {"idlelib", "lib2to3", "turtledemo", "ensurepip", "this", "posixpath", "sre_parse"}


def test_reading_imports_no_python_module() -> None:
    assert "xmlrpc.server" not in sys.modules
    document_of("xmlrpc.server")
    assert "xmlrpc.server" not in sys.modules


def test_other_packages_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ours.py").write_text(
        '"""Ours."""\ndef shown(self, a: int = 1): "Shown."\ndef _hidden(): "No."\ndef bare(): ...\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert document_of("ours").text == "Module ours\nOurs.\n\nours.shown(self, a=1)\nShown."


def test_module_that_cannot_be_parsed_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("def (")
    monkeypatch.syspath_prepend(tmp_path)
    problem = only_problem(list(read_pydoc(pydoc_modules("broken")[0])))
    assert problem.kind == ProblemKind.UNREADABLE


def test_module_without_documentation_gives_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "silent.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(read_pydoc(pydoc_modules("silent")[0])) == []


@pytest.mark.parametrize("name", ["no_such_module", "json.nothing", "", "../etc"])
def test_unknown_module_is_an_error(name: str) -> None:
    with pytest.raises(UnknownModuleError, match=r"no module"):
        pydoc_modules(name)


@pytest.mark.slow
def test_whole_standard_library_is_readable() -> None:
    items = [item for module in pydoc_modules("stdlib") for item in read_pydoc(module)]
    assert not [item for item in items if isinstance(item, Problem)]
    assert len(items) > 250
