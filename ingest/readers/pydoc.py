"""The documentation strings of Python modules: one document per module, read without importing it.

Only modules written in C are imported, because their documentation is nowhere else.
"""

import re
import sys
from collections.abc import Iterator
from textwrap import dedent

from ingest.errors import UnknownModuleError
from ingest.readers.compose import Composer
from ingest.readers.document import Problem, ProblemKind, RawDocument, Reading
from ingest.readers.pydoc_live import Entry
from ingest.readers.pydoc_modules import ModuleFile, find_module, public_modules, standard_library
from ingest.readers.pydoc_names import describe

SCHEME = "pydoc:"
STANDARD_LIBRARY = "stdlib"
MEDIA_TYPE = "text/x-pydoc"

_NOT_PROSE = re.compile(r"[ \t]|>>>|\.\.\.|[-*+=|:#~^@]|\(?\d+[.)]\s|[\w()., ]* -- |.*[^\s.?!:)] {2,}\S")
_FIELD = re.compile(r"\w+\s*:\s")  # one may be chance, two are a list
_SENTENCE_GAP = re.compile(r"(?<=[.?!:)]) {2,}")
_PROSE_WIDTH = 45


def pydoc_modules(name: str) -> list[ModuleFile]:
    """Returns the modules that `pydoc:NAME` stands for.

    `stdlib` is every public module of the standard library (`pydoc_modules` says which those are); a package
    stands for itself and its public submodules.

    Raises:
        UnknownModuleError: this Python has no such module.
    """
    if name == STANDARD_LIBRARY:
        return list(standard_library())
    module = find_module(name)
    if module is None:
        raise UnknownModuleError(name)
    return list(public_modules(module))


def read_pydoc(module: ModuleFile) -> Reading:
    """Gives the module's documentation as one document; nothing when it has none."""
    source = SCHEME + module.name
    try:
        description = describe(module)
    except (SyntaxError, ValueError, OSError, ImportError) as error:
        reason = (
            f"module {module.name} cannot be read ({type(error).__name__}: {error}); repair the installation"
        )
        yield Problem(source, None, ProblemKind.UNREADABLE, reason, module.size_bytes)
        return
    composer = Composer()
    composer.add_heading(f"Module {module.name}", 1, module.name)
    _add_doc(composer, description.doc)
    for entry in description.members:
        _add_entry(composer, module.name, entry, level=2)
    if not description.doc and not description.members:
        return
    yield RawDocument(
        source,
        module.name,
        composer.text,
        MEDIA_TYPE,
        {"module": module.name, "python": ".".join(map(str, sys.version_info[:3]))},
        composer.headings,
        module.size_bytes,
    )


def _add_entry(composer: Composer, module: str, entry: Entry, level: int) -> None:
    prefix = f"{entry.shown_in or module}." if module != "builtins" else ""
    kind = f"{entry.kind} " if entry.kind in ("class", "property") else ""
    composer.add_heading(f"{kind}{prefix}{entry.name}{entry.signature}", level, entry.name.rpartition(".")[2])
    _add_doc(composer, entry.doc)
    for member in entry.members:
        _add_entry(composer, entry.shown_in or module, member, level + 1)


def _add_doc(composer: Composer, doc: str) -> None:
    for number, paragraph in enumerate(_paragraphs(doc)):
        composer.add(paragraph, separator="\n" if number == 0 else "\n\n")


def _paragraphs(doc: str) -> Iterator[str]:
    """Gives the paragraphs; lines that were wrapped to fit a screen are joined, lists and examples kept."""
    for paragraph in doc.split("\n\n"):
        lines = dedent(paragraph.strip("\n")).split("\n")
        fields = sum(bool(_FIELD.match(line)) for line in lines)
        prose = fields < 2 and not any(_NOT_PROSE.match(line) for line in lines)
        wrapped = all(len(line) >= _PROSE_WIDTH for line in lines[:-1])
        yield _SENTENCE_GAP.sub(" ", " ".join(lines)) if prose and wrapped else "\n".join(lines)
