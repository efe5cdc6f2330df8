"""What goes into the audit log, and the anchors that show when its end was cut off.

Anchors are lines of a file in the data folder: the number and hash that the last row had then. Whoever can
change the database but not that folder cannot make rows disappear unseen.
"""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from api.settings import Settings, SettingsError
from store import audit
from store.audit import Anchor
from store.postgres import Database

if TYPE_CHECKING:  # it imports api.build, which imports this
    from api.auth import Caller

logger = logging.getLogger(__name__)

ANCHORS = "audit-anchors.jsonl"
"""File of the data folder with one anchor a line, the newest last."""

ANCHOR_EVERY_S = 60.0
"""How often a server looks whether there is something to anchor."""


def by_key(
    session: Session, caller: "Caller", action: str, object: str, details: Mapping[str, Any] | None = None
) -> None:
    """Record what somebody did over HTTP; call it last in the transaction."""
    shown = {} if caller.key is None else {"key": str(caller.key.id)}
    audit.record(session, caller.user, action, object, {**shown, **(details or {})})


def by_command(session: Session, action: str, object: str, details: Mapping[str, Any] | None = None) -> None:
    """Record what somebody did at the command line, under their name on the machine."""
    from api.cli.common import system_user

    audit.record(session, system_user(), action, object, {"local": True, **(details or {})})


def record_start(database: Database, settings: Settings, url: str) -> None:
    """Record that a server starts, and with what settings; of secrets only that they are set."""
    chosen = settings.model_dump(mode="json", exclude_none=True)
    with database.transaction() as session:
        by_command(session, "server.start", url, {"settings": chosen})


def anchors_file(settings: Settings) -> Path:
    """Where the anchors are."""
    return settings.data_dir / ANCHORS


def read_anchors(settings: Settings) -> list[Anchor]:
    """The anchors that were noted, the oldest first; none where there is no file.

    Raises:
        SettingsError: The file cannot be read, or a line of it is none of ours.
    """
    path = anchors_file(settings)
    anchors = []
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise SettingsError(f"The anchors in {path} cannot be read: {error}.") from None
    for number, line in enumerate(lines, start=1):
        try:
            noted = json.loads(line)
            anchors.append(Anchor(int(noted["number"]), str(noted["hash"])))
        except (ValueError, KeyError, TypeError):
            raise SettingsError(
                f"Line {number} of {path} is no anchor: somebody changed the file. Bring it back from a "
                "backup, or move it away to verify without anchors."
            ) from None
    return anchors


def anchor(database: Database, settings: Settings) -> None:
    """Note the end of the audit log, unless it stands at the end of the file already.

    A folder that cannot be written to is logged: what was to be done is done by now.
    """
    with database.transaction() as session:
        end = audit.end(session)
    if end is None:
        return
    path = anchors_file(settings)
    line = json.dumps(vars(end)) + "\n"
    try:
        if path.exists() and path.read_text().endswith(line):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        # One write at the end of the file: lines of two processes do not mix.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w") as file:
            file.write(line)
    except (OSError, ValueError) as error:
        logger.error("the end of the audit log cannot be noted in %s: %s", path, error)
