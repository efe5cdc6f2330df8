"""The vault, and forgetting."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from api.forgetting import Forgetting
from api.schemas.fields import Body, Text, View


class VaultEntryView(View):
    """What a pseudonym stands for."""

    pseudonym: str
    kind: str
    value: str
    created_at: datetime


class VaultOpeningView(View):
    """That somebody wanted to know what a pseudonym stands for, and whether the vault knew."""

    pseudonym: str
    user: str
    found: bool
    opened_at: datetime


class VaultOpeningsView(View):
    """Who opened the vault, newest first."""

    openings: list[VaultOpeningView]


class ForgetBody(Body):
    """Who is to be forgotten."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"person": ["Ada Lovelace", "ada@example.org"], "dry_run": True}}
    )

    person: Annotated[list[Text], Field(min_length=1, max_length=100)]
    """What names the person, each as it may stand in a text: names, addresses, numbers."""
    dry_run: bool = False
    """Only tell what would be erased."""


class TrainedModelView(View):
    """A model that was trained on a corpus that told of the person."""

    folder: str
    corpora: list[str]


class ForgottenView(View):
    """What was erased, and the models that may still know."""

    dry_run: bool
    corpora: list[str]
    documents: int
    versions: int
    chunks: int
    rows: dict[str, int]
    vault_entries: int
    models: list[TrainedModelView]

    @classmethod
    def of(cls, done: Forgetting, *, dry_run: bool) -> Self:
        """The view of what was done."""
        forgotten = done.forgotten
        return cls(
            dry_run=dry_run,
            corpora=list(forgotten.corpora),
            documents=forgotten.documents,
            versions=forgotten.versions,
            chunks=forgotten.chunks,
            rows=dict(forgotten.rows),
            vault_entries=forgotten.vault_entries,
            models=[TrainedModelView(folder=str(m.folder), corpora=list(m.corpora)) for m in done.models],
        )
