"""Labels documents: metadata from their paths, from front matter, and their language."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import yaml

from ingest.errors import PathPatternError

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LANGUAGE = "language"
"""The field of the metadata with the ISO 639-1 code of a document's language."""

_FRONT_MATTER = re.compile(r"---\n(.*?)\n(?:---|\.\.\.)(?:\n|$)", re.DOTALL)
_MAX_FRONT_MATTER = 20_000
_FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}|(\*\*/?)|(\*)")
_LANGUAGE_CHARACTERS = 2_000
_LETTERS_NEEDED = 20
MIN_LANGUAGE_PROBABILITY = 0.8


class PathPattern:
    """A pattern such as `reports/{department}/{year}/*.pdf` that the end of a path may have.

    `{name}` stands for a part of a path, `*` for any characters of one, `**` for any number of parts.
    """

    def __init__(self, pattern: str) -> None:
        """Reads the pattern.

        Raises:
            PathPatternError: it names nothing, or something twice.
        """
        names = [match.group(1) for match in _FIELD.finditer(pattern) if match.group(1)]
        if not names or len(set(names)) < len(names):
            raise PathPatternError(pattern)
        parts: list[str] = []
        end = 0
        for match in _FIELD.finditer(pattern):
            parts.append(re.escape(pattern[end : match.start()]))
            name, deep, _ = match.groups()
            parts.append(f"(?P<{name}>[^/]+?)" if name else "(?:.*/)?" if deep else "[^/]*")
            end = match.end()
        parts.append(re.escape(pattern[end:]))
        self._expression = re.compile("(?:^|/)" + "".join(parts).lstrip("/") + "$")

    def labels(self, source: str) -> dict[str, Any]:
        """Returns what the pattern tells of a source; nothing where it does not fit."""
        path = unquote(source.partition("#")[0].partition("://")[2] or source.partition("#")[0])
        match = self._expression.search(path)
        return {} if match is None else {name: _plain(value) for name, value in match.groupdict().items()}


def path_labels(source: str, patterns: Sequence[PathPattern]) -> dict[str, Any]:
    """Returns what the first pattern that fits tells of a source."""
    return next((found for pattern in patterns if (found := pattern.labels(source))), {})


def front_matter(text: str) -> dict[str, Any]:
    """Returns the fields of a Markdown text's front matter but its title; none where it cannot be read.

    Texts, numbers, true and false, dates as ISO 8601, and lists of these are kept.
    """
    match = _FRONT_MATTER.match(text, 0, _MAX_FRONT_MATTER)
    if match is None:
        return {}
    try:
        fields = yaml.safe_load(match.group(1))
    except (yaml.YAMLError, ValueError, RecursionError):  # it is text, whatever it was meant to be
        return {}
    if not isinstance(fields, Mapping):
        return {}
    kept = {str(key): _storable(value) for key, value in fields.items() if key != "title"}
    return {key: value for key, value in kept.items() if value is not None}


def language_of(text: str) -> str | None:
    """Returns the code of the language that a text is in; None where it is too short or too mixed to tell."""
    sample = text[:_LANGUAGE_CHARACTERS]
    if sum(map(str.isalpha, sample)) < _LETTERS_NEEDED:
        return None
    code, probability = _identifier().classify(sample)
    return str(code) if probability >= MIN_LANGUAGE_PROBABILITY else None


@cache
def _identifier() -> "LanguageIdentifier":
    """The model takes a third of a second to load, so one is enough for a process."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _plain(value: str) -> str | int:
    """A number where the text is exactly how one is written, so that ranges can be asked for."""
    return int(value) if value.isascii() and value.isdigit() and str(int(value)) == value else value


def _storable(value: Any) -> Any:
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, list):
        kept = [
            plain for one in value if (plain := _storable(one)) is not None and not isinstance(plain, list)
        ]
        return kept or None
    is_plain = isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
    return value if is_plain and "\\u0000" not in json.dumps(value) else None
