"""The vault, and forgetting a person: for administrators."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.audit import by_key
from api.auth import AdministratorKey, Parts
from api.errors import OF_EVERY_ROUTE, problems
from api.forgetting import forget_person
from api.schemas.fields import MAX_PAGE, Text
from api.schemas.privacy import ForgetBody, ForgottenView, VaultEntryView, VaultOpeningsView, VaultOpeningView
from api.vault import needed_vault_key
from ingest.errors import ForgetError
from store import vault
from store.errors import EncoderMismatchError, UnknownPseudonymError, VaultKeyError

router = APIRouter(prefix="/v1", tags=["privacy"], responses=OF_EVERY_ROUTE)

Pseudonym = Annotated[Text, Path(examples=["[EMAIL_1a2b3c4d5e6f]"], max_length=100)]


@router.get("/vault", summary="List who opened the vault")
def list_openings(
    parts: Parts, key: AdministratorKey, limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50
) -> VaultOpeningsView:
    """Who wanted to know what a pseudonym stands for, newest first."""
    with parts.database.transaction() as session:
        found = vault.openings(session, limit=limit)
    return VaultOpeningsView(openings=[VaultOpeningView.model_validate(opening) for opening in found])


@router.get(
    "/vault/{pseudonym}",
    summary="Show what a pseudonym stands for",
    responses=problems(UnknownPseudonymError, VaultKeyError),
)
def show_entry(pseudonym: Pseudonym, parts: Parts, key: AdministratorKey) -> VaultEntryView:
    """Opens the vault for one pseudonym, with or without its brackets. Who did so is noted."""
    vault_key = needed_vault_key(parts.settings, "The vault")
    written = pseudonym if pseudonym.startswith("[") else f"[{pseudonym}]"
    with parts.database.transaction() as session:
        entry = vault.open_entry(session, written, vault_key, key.user)
        by_key(session, key, "vault.open", written, {"found": entry is not None})
    if entry is None:
        raise UnknownPseudonymError(written)
    return VaultEntryView.model_validate(entry)


@router.post(
    "/forget",
    summary="Forget a person",
    responses=problems(ForgetError, VaultKeyError, EncoderMismatchError),
)
def forget(body: ForgetBody, parts: Parts, key: AdministratorKey) -> ForgottenView:
    """Covers a person in all versions of all documents, in indexes and log, and empties the vault of them.

    It takes as long as reading every document takes. What was broken off can be sent again.
    """
    if not body.dry_run:  # noted before, for it takes long and may be broken off in the middle
        with parts.database.transaction() as session:
            by_key(session, key, "forget", "person", {"names": len(body.person)})
    done = forget_person(parts, body.person, dry_run=body.dry_run)
    return ForgottenView.of(done, dry_run=body.dry_run)
