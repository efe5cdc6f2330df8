"""Which settings are in force, and where each of them comes from."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from api.settings import SETTINGS_FILE, Settings

PREFIX = "RAG_"
OTHER_VARIABLES = frozenset({SETTINGS_FILE, "RAG_KEY", "RAG_URL"})
"""Variables that begin like settings and are read by commands and examples."""


@dataclass(frozen=True)
class InForce:
    """A setting: its variable, its value as it may be shown, and where that comes from."""

    variable: str
    value: str | None
    """None: not set, and nothing stands in its place."""
    origin: Literal["command line", "environment", "file", "default"]


def settings_in_force(settings: Settings, given: Mapping[str, Any]) -> list[InForce]:
    """All settings in the order of their definition, secrets masked; `given`: those of the command line."""
    in_file = _names_in_file()
    return [
        InForce(f"{PREFIX}{name.upper()}", _shown(getattr(settings, name)), _origin(name, given, in_file))
        for name in Settings.model_fields
    ]


def unknown_variables() -> list[str]:
    """A complaint about each variable of the environment that looks like a setting and is none."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | OTHER_VARIABLES
    complaints = []
    for variable in sorted(os.environ):
        if variable.startswith(PREFIX) and variable not in known:
            near = get_close_matches(variable, known, 1)
            meant = f" Did you mean {near[0]}?" if near else " docs/settings.md has all of them."
            complaints.append(f"{variable} is no setting and has no effect.{meant}")
    return complaints


def _origin(
    name: str, given: Mapping[str, Any], in_file: frozenset[str]
) -> Literal["command line", "environment", "file", "default"]:
    if given.get(name) is not None:
        return "command line"
    if os.environ.get(f"{PREFIX}{name.upper()}"):
        return "environment"
    return "file" if name in in_file else "default"


def _names_in_file() -> frozenset[str]:
    path = os.environ.get(SETTINGS_FILE)
    return frozenset(tomllib.loads(Path(path).read_text())) if path else frozenset()


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return "**********"
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{one}"' for one in value) + "]"
    return str(value)
