"""API keys, for administrators."""

from uuid import UUID

from fastapi import APIRouter, status

from api.auth import AdministratorKey, Parts
from api.errors import OF_EVERY_ROUTE, problems
from api.schemas.access import KeyBody, KeysView, KeyView, NewKeyView
from store import access
from store.errors import UnknownKeyError

router = APIRouter(prefix="/v1/keys", tags=["keys"], responses=OF_EVERY_ROUTE)


@router.get("", summary="List keys")
def list_keys(parts: Parts, key: AdministratorKey) -> KeysView:
    """All keys, oldest first, revoked ones too; never their secrets."""
    with parts.database.transaction() as session:
        return KeysView(keys=[KeyView.model_validate(key) for key in access.list_keys(session)])


@router.post("", summary="Make a key", status_code=status.HTTP_201_CREATED)
def create_key(body: KeyBody, parts: Parts, key: AdministratorKey) -> NewKeyView:
    """Makes a key for a user, who is made too if unknown. The secret is in this response and nowhere else."""
    with parts.database.transaction() as session:
        return NewKeyView.of(access.create_key(session, body.user, body.role))


@router.delete("/{key_id}", summary="Revoke a key", responses=problems(UnknownKeyError))
def revoke_key(key_id: UUID, parts: Parts, key: AdministratorKey) -> KeyView:
    """Makes a key useless from now on; it stays in the list, so that it is known whose it was."""
    with parts.database.transaction() as session:
        return KeyView.model_validate(access.revoke_key(session, key_id))
