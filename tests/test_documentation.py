"""What the documentation names is there: pages, headings, files of the code, commands and their options."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from api.cli.main import app

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def prose(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[str]:
    """Every command line of ours: lines of code blocks, and code in the prose."""
    text = page.read_text()
    for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL):
        joined = re.sub(r"\\\n\s*", "", block)
        yield from re.findall(r"^(?:\$ )?(?:RAG_\w+=\S+ )*(rag [a-z].*)$", joined, re.MULTILINE)
    yield from re.findall(r"`(?:RAG_\w+=\S+ )*(rag [a-z][^`]*)`", prose(page))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_that_are_named_exist(page: Path) -> None:
    folders = "api|bench|docs|ingest|migrations|rag|store|tests"
    for path in re.findall(rf"`((?:{folders})/[\w/.\-]+\.\w+)`", page.read_text()):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_have_the_options_that_are_shown(page: Path) -> None:
    for line in commands(page):
        command: Any = get_command(app)
        try:
            words = shlex.split(line.replace("…", " "), comments=True)[1:]
        except ValueError:
            pytest.fail(f"not a command line: {line}")
        options: set[str] = set()
        for word in words:
            if word in ("|", ">", "&&", ";"):
                break
            if word.startswith("--"):
                options.add(word.partition("=")[0])
            elif not options and (subjects := getattr(command, "commands", None)) is not None:
                assert word in subjects, line
                command = subjects[word]
        known = {
            option for parameter in command.params for option in parameter.opts + parameter.secondary_opts
        }
        assert options <= known | {"--help"}, (line, options - known)
