"""Groups of users."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response, status

from api.audit import by_key
from api.auth import AdministratorKey, Parts
from api.errors import OF_EVERY_ROUTE, problems
from api.paging import AS_JSONL, Paged
from api.schemas.users import GroupBody, GroupChange, GroupsView, GroupView, UsersView, UserView
from store import groups, users
from store.errors import InvalidCursorError, NameTakenError, UnknownGroupError, UnknownUserError
from store.positions import Batch

router = APIRouter(prefix="/v1/groups", tags=["users"], responses=OF_EVERY_ROUTE)


@router.get(
    "",
    summary="List groups",
    response_model=GroupsView,
    responses={**AS_JSONL, **problems(InvalidCursorError)},
)
def list_groups(parts: Parts, key: AdministratorKey, paging: Paged) -> Any:
    """All groups, oldest first."""

    def fetch(after: str | None, limit: int) -> Batch[GroupView]:
        with parts.database.transaction() as session:
            batch = groups.page(session, after=after, limit=limit)
        return Batch([GroupView.model_validate(group) for group in batch.items], batch.next)

    return paging.give("groups", {}, fetch, lambda views, cursor: GroupsView(groups=views, next=cursor))


@router.post(
    "", summary="Make a group", status_code=status.HTTP_201_CREATED, responses=problems(NameTakenError)
)
def create_group(body: GroupBody, parts: Parts, key: AdministratorKey) -> GroupView:
    """Makes a group without members."""
    with parts.database.transaction() as session:
        group = groups.create(session, body.name, body.description)
        by_key(session, key, "group.create", group.name)
    return GroupView.model_validate(group)


@router.get("/{group_id}", summary="Show a group", responses=problems(UnknownGroupError))
def show_group(group_id: UUID, parts: Parts, key: AdministratorKey) -> GroupView:
    """One group; its members are a list of their own."""
    with parts.database.transaction() as session:
        return GroupView.model_validate(groups.get(session, group_id))


@router.patch("/{group_id}", summary="Change a group", responses=problems(UnknownGroupError, NameTakenError))
def change_group(group_id: UUID, body: GroupChange, parts: Parts, key: AdministratorKey) -> GroupView:
    """Changes what is sent and nothing else."""
    changes = body.model_dump(exclude_unset=True)
    with parts.database.transaction() as session:
        before = groups.get(session, group_id)
        group = groups.change(session, group_id, changes)
        by_key(session, key, "group.change", before.name, changes)
    return GroupView.model_validate(group)


@router.delete(
    "/{group_id}",
    summary="Delete a group",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(UnknownGroupError),
)
def delete_group(group_id: UUID, parts: Parts, key: AdministratorKey) -> Response:
    """Deletes a group, and with it what its members may do through it."""
    with parts.database.transaction() as session:
        group = groups.get(session, group_id)
        groups.delete(session, group_id)
        by_key(session, key, "group.delete", group.name)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get(
    "/{group_id}/members",
    summary="List a group's members",
    response_model=UsersView,
    responses={**AS_JSONL, **problems(UnknownGroupError, InvalidCursorError)},
)
def list_members(group_id: UUID, parts: Parts, key: AdministratorKey, paging: Paged) -> Any:
    """The users in a group, oldest first."""
    with parts.database.transaction() as session:
        groups.get(session, group_id)

    def fetch(after: str | None, limit: int) -> Batch[UserView]:
        with parts.database.transaction() as session:
            batch = users.page(session, after=after, limit=limit, group=group_id)
        return Batch([UserView.of(user) for user in batch.items], batch.next)

    return paging.give(
        f"groups/{group_id}/members",
        {},
        fetch,
        lambda views, cursor: UsersView(users=views, next=cursor),
    )


@router.put(
    "/{group_id}/members/{user_id}",
    summary="Add a member to a group",
    responses=problems(UnknownGroupError, UnknownUserError),
)
def add_member(group_id: UUID, user_id: UUID, parts: Parts, key: AdministratorKey) -> UserView:
    """Puts a user into a group; one that is in it already stays."""
    with parts.database.transaction() as session:
        group, user = groups.get(session, group_id), users.get(session, user_id)
        groups.add_member(session, group_id, user_id)
        by_key(session, key, "group.add", group.name, {"user": user.name})
        return UserView.of(users.get(session, user_id))


@router.delete(
    "/{group_id}/members/{user_id}",
    summary="Take a member out of a group",
    responses=problems(UnknownGroupError, UnknownUserError),
)
def remove_member(group_id: UUID, user_id: UUID, parts: Parts, key: AdministratorKey) -> UserView:
    """Takes a user out of a group: from the next request on it may do nothing through it."""
    with parts.database.transaction() as session:
        group, user = groups.get(session, group_id), users.get(session, user_id)
        groups.remove_member(session, group_id, user_id)
        by_key(session, key, "group.remove", group.name, {"user": user.name})
        return UserView.of(users.get(session, user_id))
