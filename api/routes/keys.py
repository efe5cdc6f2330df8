"""API keys, for administrators."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, status

from api.audit import by_key
from api.auth import AdministratorKey, Parts
from api.errors import OF_EVERY_ROUTE, problems
from api.paging import AS_JSONL, Paged
from api.schemas.access import KeyBody, KeysView, KeyView, NewKeyView, RotateBody
from api.schemas.fields import Text
from store import access, corpora
from store.errors import InvalidCursorError, KeyScopeError, UnknownCorpusError, UnknownKeyError
from store.positions import Batch

router = APIRouter(prefix="/v1/keys", tags=["keys"], responses=OF_EVERY_ROUTE)


@router.get(
    "",
    summary="List keys",
    response_model=KeysView,
    responses={**AS_JSONL, **problems(InvalidCursorError)},
)
def list_keys(
    parts: Parts,
    key: AdministratorKey,
    paging: Paged,
    user: Annotated[Text | None, Query(description="whose")] = None,
) -> Any:
    """Keys, oldest first, revoked ones too; never their secrets."""

    def fetch(after: str | None, limit: int) -> Batch[KeyView]:
        with parts.database.transaction() as session:
            batch = access.page_of_keys(session, after=after, limit=limit, user=user)
        return Batch([KeyView.model_validate(found) for found in batch.items], batch.next)

    return paging.give("keys", {"user": user}, fetch, lambda views, cursor: KeysView(keys=views, next=cursor))


@router.post(
    "",
    summary="Make a key",
    status_code=status.HTTP_201_CREATED,
    responses=problems(KeyScopeError, UnknownCorpusError),
)
def create_key(body: KeyBody, parts: Parts, key: AdministratorKey) -> NewKeyView:
    """Makes a key for a user, who is made too if unknown. The secret is in this response and nowhere else.

    A user's own role bounds its keys: one of a greater role is refused.
    """
    with parts.database.transaction() as session:
        held = None if body.corpora is None else [corpora.get(session, name).id for name in body.corpora]
        new = access.create_key(
            session, body.user, body.role, body.expires_at, corpora=held, verbs=body.verbs
        )
        by_key(session, key, "key.create", str(new.key.id), {"user": body.user, "role": body.role})
    return NewKeyView.of(new)


@router.post(
    "/{key_id}/rotate",
    summary="Give a key another secret",
    responses=problems(UnknownKeyError, KeyScopeError),
)
def rotate_key(key_id: UUID, body: RotateBody, parts: Parts, key: AdministratorKey) -> NewKeyView:
    """The new secret is in this response and nowhere else; the old one stays good for `overlap_s` seconds."""
    with parts.database.transaction() as session:
        rotated = access.rotate_key(session, key_id, body.overlap_s)
        by_key(session, key, "key.rotate", str(key_id), {"user": rotated.key.user})
    return NewKeyView.of(rotated)


@router.delete("/{key_id}", summary="Revoke a key", responses=problems(UnknownKeyError))
def revoke_key(key_id: UUID, parts: Parts, key: AdministratorKey) -> KeyView:
    """Makes a key useless from now on; it stays in the list, so that it is known whose it was."""
    with parts.database.transaction() as session:
        revoked = access.revoke_key(session, key_id)
        by_key(session, key, "key.revoke", str(key_id), {"user": revoked.user})
    return KeyView.model_validate(revoked)
