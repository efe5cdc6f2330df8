"""What the text of a Word document refers to: styles, numbered lists, notes and charts."""

import zipfile
from dataclasses import dataclass, field, replace

from lxml import etree

from ingest.readers.charts import chart_rows
from ingest.readers.office import related, relations
from ingest.readers.packages import local_name, parse_xml, read_member
from ingest.readers.word_numbers import NumberedList, NumberLevel
from ingest.readers.word_xml import attribute, children, line, number, value

WORD = "a Word document"

NO_LIST = "0"
"""The number that takes a paragraph out of its style's list."""
_MAX_STYLES = 20


@dataclass(frozen=True)
class Style:
    """What a paragraph is: the level of a heading (0: none), its list (None: none) and the level there."""

    level: int = 0
    list_id: str | None = None
    list_level: int = 0

    def with_properties(self, node: etree._Element | None) -> "Style":
        """Returns the style with what an element of paragraph properties says besides."""
        if node is None:
            return self
        outline = number(node, "outlineLvl")
        level = outline + 1 if outline is not None and outline < 9 else self.level
        numbering = next(children(node, "numPr"), None)
        if numbering is None:
            return replace(self, level=level)
        list_id = value(numbering, "numId") or self.list_id
        list_level = number(numbering, "ilvl")
        return Style(
            level,
            None if list_id == NO_LIST else list_id,
            self.list_level if list_level is None else list_level,
        )


@dataclass(frozen=True)
class Parts:
    """Styles and lists by their ids, notes by kind and id (`footnote 2`), rows of numbers by chart."""

    styles: dict[str, Style] = field(default_factory=dict)
    lists: dict[str, NumberedList] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    charts: dict[str, list[list[str]]] = field(default_factory=dict)


def read_parts(package: zipfile.ZipFile, main: str) -> Parts:
    """Returns what the main part refers to.

    Raises:
        UnfitTextError: a part is missing or damaged.
    """
    roots = {
        kind: parse_xml(read_member(package, part, WORD), WORD)
        for kind, part in related(package, main, WORD).items()
        if kind in ("styles", "numbering", "footnotes", "endnotes")
    }
    charts = {
        relation.id: chart_rows(parse_xml(read_member(package, relation.target, WORD), WORD))
        for relation in relations(package, main, WORD)
        if relation.kind == "chart"
    }
    notes = {**_notes(roots.get("footnotes")), **_notes(roots.get("endnotes"))}
    return Parts(_styles(roots.get("styles")), _lists(roots.get("numbering")), notes, charts)


def _styles(root: etree._Element | None) -> dict[str, Style]:
    """Returns the paragraph styles, each with what the style that it builds on says."""
    if root is None:
        return {}
    nodes = {attribute(node, "styleId") or "": node for node in children(root, "style")}

    def read(style_id: str, depth: int = 0) -> Style:
        node = nodes.get(style_id)
        if node is None or depth > _MAX_STYLES:
            return Style()
        base = read(value(node, "basedOn") or "", depth + 1)
        level = _named_level(value(node, "name") or "") or base.level
        return replace(base, level=level).with_properties(next(children(node, "pPr"), None))

    return {style_id: read(style_id) for style_id in nodes}


def _named_level(name: str) -> int:
    """Returns the heading level that a style's name means; 0 for none.

    Built-in styles are stored under their English names, whatever language Word speaks.
    """
    words = name.lower().split()
    if words == ["title"]:
        return 1
    if len(words) == 2 and words[0] == "heading" and words[1].isdigit():
        return min(int(words[1]), 9)
    return 0


def _lists(root: etree._Element | None) -> dict[str, NumberedList]:
    if root is None:
        return {}
    schemes = {
        attribute(node, "abstractNumId"): {
            int(attribute(level, "ilvl") or 0): NumberLevel(
                value(level, "numFmt") or "decimal", value(level, "lvlText") or "", _or_one(level, "start")
            )
            for level in children(node, "lvl")
        }
        for node in children(root, "abstractNum")
    }
    found = {}
    for node in children(root, "num"):
        scheme = value(node, "abstractNumId") or ""
        starts = {
            int(attribute(override, "ilvl") or 0): start
            for override in children(node, "lvlOverride")
            if (start := number(override, "startOverride")) is not None
        }
        found[attribute(node, "numId") or ""] = NumberedList(scheme, schemes.get(scheme, {}), starts)
    return found


def _or_one(node: etree._Element, name: str) -> int:
    stated = number(node, name)
    return 1 if stated is None else stated


def _notes(root: etree._Element | None) -> dict[str, str]:
    """Returns the texts of footnotes or endnotes; separators are none."""
    return {
        f"{local_name(node)} {attribute(node, 'id')}": text
        for node in (root if root is not None else ())
        if attribute(node, "type") in (None, "normal") and (text := line(node))
    }
