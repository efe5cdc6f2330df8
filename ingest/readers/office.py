"""What office documents share: how their parts refer to each other, and what they say of themselves.

The conventions are those of the Open Packaging Conventions (ISO/IEC 29500-2).
"""

import posixpath
import zipfile
from dataclasses import dataclass, field
from urllib.parse import unquote

from ingest.clean import normalise_line
from ingest.readers.packages import local_name, parse_xml, read_member

_CORE = "docProps/core.xml"
_FACTS = {"creator": "author", "created": "created", "modified": "modified", "keywords": "keywords"}


@dataclass(frozen=True)
class Properties:
    """What a file says of itself; `title` is empty where it has none."""

    title: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


def main_part(package: zipfile.ZipFile, usual: str, what: str) -> str:
    """Returns the name of the part that holds the document itself."""
    return related(package, "", what).get("officeDocument", usual)


@dataclass(frozen=True)
class Relation:
    """A reference of one part to another; `kind` is the last word of its type."""

    id: str
    kind: str
    target: str


def related(package: zipfile.ZipFile, part: str, what: str) -> dict[str, str]:
    """Returns the names of the parts that a part refers to, by kind: see `relations`."""
    return {relation.kind: relation.target for relation in relations(package, part, what)}


def relations(package: zipfile.ZipFile, part: str, what: str) -> list[Relation]:
    """Returns the references of a part to others in the package; `part` empty is the package itself."""
    folder, name = posixpath.split(part)
    listed = posixpath.join(folder, "_rels", f"{name}.rels")
    if listed not in package.namelist():
        return []
    found = []
    for node in parse_xml(read_member(package, listed, what), what):
        if node.get("TargetMode") != "External" and (target := node.get("Target")):
            place = posixpath.normpath(posixpath.join("/", folder, unquote(target))).lstrip("/")
            found.append(Relation(node.get("Id") or "", str(node.get("Type")).rpartition("/")[2], place))
    return found


def properties(package: zipfile.ZipFile, what: str) -> Properties:
    """Returns title, author and dates as the file states them."""
    if _CORE not in package.namelist():
        return Properties()
    facts = {
        local_name(node): normalise_line(node.text or "")
        for node in parse_xml(read_member(package, _CORE, what), what)
    }
    metadata = {ours: facts[theirs] for theirs, ours in _FACTS.items() if facts.get(theirs)}
    return Properties(facts.get("title", ""), metadata)
