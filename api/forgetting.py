"""Forgetting a person: what of it is not the database's."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api.encoders import CorpusEncoder
from api.vault import vault_key
from store import corpora

if TYPE_CHECKING:
    from api.build import Application
    from ingest.forget import Forgotten

logger = logging.getLogger(__name__)

MODELS = "models"
"""Folder of the data folder where checkpoints are looked for."""


@dataclass(frozen=True)
class TrainedModel:
    """A checkpoint that was trained on texts that told of the person, and may still."""

    folder: Path
    corpora: tuple[str, ...]


@dataclass(frozen=True)
class Forgetting:
    """What was erased, and what was not: models cannot be made to forget."""

    forgotten: "Forgotten"
    models: tuple[TrainedModel, ...]


def forget_person(application: "Application", person: Sequence[str], *, dry_run: bool) -> Forgetting:
    """Erase a person from documents, log and vault; the files of all indexes are made anew from what is left.

    Raises:
        ForgetError: One of `person` is too short to find nobody else by.
        VaultKeyError: The vault is not empty, and its key is missing or wrong.
        EncoderMismatchError: A corpus that tells of the person was embedded by another encoder.
    """
    from ingest.forget import forget

    key = vault_key(application.settings)
    with application.database.transaction() as session:
        found = [summary.corpus for summary in corpora.list_all(session)]
    forgotten = forget(
        person,
        found,
        database=application.database,
        embed_of=lambda corpus: CorpusEncoder(application, corpus).encode,
        key=key,
        dry_run=dry_run,
    )
    if not dry_run:
        # Files of all corpora, also where nothing was found now: an erasure may have been broken off before.
        for corpus in found:
            application.discard_snapshot(corpus)
        application.refresh_indexes()  # no search of this process finds the person after this
    return Forgetting(forgotten, tuple(_models_of(application, forgotten.corpora)))


def _models_of(application: "Application", names: Sequence[str]) -> list[TrainedModel]:
    """The checkpoints whose description says that they were trained on one of these corpora."""
    generator = Path(application.settings.generator)  # what is no folder is passed over
    folders = [generator, *generator.parent.glob("*"), *(application.settings.data_dir / MODELS).glob("*")]
    models = []
    for folder in sorted({folder.resolve() for folder in folders if folder.is_dir()}):
        try:
            description = json.loads((folder / "model.json").read_text())
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            logger.warning("%s cannot be read (%s): it is not looked at", folder, type(error).__name__)
            continue
        trained_on = description.get("corpora", []) if isinstance(description, dict) else []
        shared = tuple(name for name in names if name in trained_on)
        if shared:
            models.append(TrainedModel(folder, shared))
    return models
