"""Users: who there is, and who the caller is."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, status

from api.audit import by_key
from api.auth import AdministratorKey, Parts, ReaderKey
from api.errors import OF_EVERY_ROUTE, problems
from api.paging import AS_JSONL, Paged
from api.schemas.users import CallerView, UserBody, UserChange, UsersView, UserView
from store import users
from store.errors import InvalidCursorError, NameTakenError, UnknownUserError
from store.positions import Batch
from store.types import Limits

router = APIRouter(prefix="/v1/users", tags=["users"], responses=OF_EVERY_ROUTE)


@router.get(
    "",
    summary="List users",
    response_model=UsersView,
    responses={**AS_JSONL, **problems(InvalidCursorError)},
)
def list_users(parts: Parts, key: AdministratorKey, paging: Paged) -> Any:
    """All users, oldest first, disabled ones too."""

    def fetch(after: str | None, limit: int) -> Batch[UserView]:
        with parts.database.transaction() as session:
            batch = users.page(session, after=after, limit=limit)
        return Batch([UserView.of(user) for user in batch.items], batch.next)

    return paging.give("users", {}, fetch, lambda views, cursor: UsersView(users=views, next=cursor))


@router.post(
    "", summary="Make a user", status_code=status.HTTP_201_CREATED, responses=problems(NameTakenError)
)
def create_user(body: UserBody, parts: Parts, key: AdministratorKey) -> UserView:
    """Makes a user, without any key. Making a key for somebody unknown makes the user as well."""
    with parts.database.transaction() as session:
        limits = Limits(**body.model_dump(include=set(users.LIMITS)))
        user = users.create(session, **body.model_dump(exclude=set(users.LIMITS)), limits=limits)
        by_key(session, key, "user.create", user.name, {"role": user.role})
    return UserView.of(user)


@router.get("/me", summary="Show who calls")
def show_caller(parts: Parts, key: ReaderKey) -> CallerView:
    """The user whose key this is, and what the key allows."""
    with parts.database.transaction() as session:
        user = UserView.of(users.get(session, key.user_id))
    return CallerView(user=user, role=key.role, verbs=sorted(key.verbs))


@router.get("/{user_id}", summary="Show a user", responses=problems(UnknownUserError))
def show_user(user_id: UUID, parts: Parts, key: AdministratorKey) -> UserView:
    """One user."""
    with parts.database.transaction() as session:
        return UserView.of(users.get(session, user_id))


@router.patch("/{user_id}", summary="Change a user", responses=problems(UnknownUserError))
def change_user(user_id: UUID, body: UserChange, parts: Parts, key: AdministratorKey) -> UserView:
    """Changes what is sent and nothing else.

    The keys of a disabled user are refused from the next request on. A role that is lowered bounds the
    user's keys at once, whatever role they have.
    """
    changes = body.model_dump(exclude_unset=True)
    with parts.database.transaction() as session:
        user = users.change(session, user_id, changes)
        by_key(session, key, "user.change", user.name, changes)
    return UserView.of(user)
