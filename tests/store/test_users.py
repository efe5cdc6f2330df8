from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from store import access, groups, users
from store.errors import InvalidCursorError, NameTakenError, UnknownGroupError, UnknownUserError
from store.types import Limits, Role


def test_user_is_made_once_where_it_is_first_needed(session: Session) -> None:
    assert users.ensure(session, "ann") == users.ensure(session, "ann")
    assert users.ensure(session, "bob") != users.ensure(session, "ann")
    assert users.named(session, "ann").role is None


def test_users_are_listed_with_and_without_keys(session: Session) -> None:
    access.create_key(session, "ann", Role.READER)
    users.ensure(session, "abe")
    assert [user.name for user in users.list_all(session)] == ["abe", "ann"]


def test_change_leaves_what_is_not_named(session: Session) -> None:
    made = users.create(session, "ann", role=Role.REVIEWER, display_name="Ann Lee", email="ann@a.example")
    changed = users.change(session, made.id, {"email": None, "disabled": True})
    assert (changed.display_name, changed.email, changed.role) == ("Ann Lee", None, Role.REVIEWER)
    assert changed.disabled_at is not None
    assert users.change(session, made.id, {"disabled": True}) == changed
    assert users.change(session, made.id, {}) == changed


def test_limits_of_a_user_are_kept_and_taken_away(session: Session) -> None:
    made = users.create(session, "ann", limits=Limits(answers_per_day=5))
    changed = users.change(session, made.id, {"requests_per_minute": 60, "answers_per_day": None})
    assert changed.limits == Limits(requests_per_minute=60) == users.named(session, "ann").limits
    secret = access.create_key(session, "ann", Role.READER).secret
    assert access.authenticate(session, secret).user == changed


def test_name_that_is_taken_is_refused(session: Session) -> None:
    users.create(session, "ann")
    groups.create(session, "legal")
    other = groups.create(session, "sales")
    with pytest.raises(NameTakenError, match="'ann'"):
        users.create(session, "ann")
    with pytest.raises(NameTakenError, match="'legal'"):
        groups.create(session, "legal")
    with pytest.raises(NameTakenError):
        groups.change(session, other.id, {"name": "legal"})
    assert groups.change(session, other.id, {"name": "sales"}) == other


def test_unknown_users_and_groups_are_named(session: Session) -> None:
    users.create(session, "ann")
    for error, look_up in ((UnknownUserError, users), (UnknownGroupError, groups)):
        with pytest.raises(error, match="00000007"):
            look_up.get(session, UUID(int=7))
        with pytest.raises(error, match="'nobody'"):
            look_up.named(session, "nobody")
        with pytest.raises(error, match="'nobody'"):
            look_up.ids_of(session, ["nobody"])
    assert list(users.ids_of(session, ["ann"])) == ["ann"]


def test_members_come_and_go(session: Session) -> None:
    ann, bob = (users.create(session, name) for name in ("ann", "bob"))
    legal, board = (groups.create(session, name) for name in ("legal", "board"))
    for group in (legal, board, legal):
        groups.add_member(session, group.id, ann.id)
    groups.add_member(session, legal.id, bob.id)
    assert users.named(session, "ann").groups == ("board", "legal")
    assert groups.get(session, legal.id).members == 2
    groups.remove_member(session, legal.id, bob.id)
    groups.remove_member(session, legal.id, bob.id)
    assert [user.name for user in users.page(session, after=None, limit=9, group=legal.id).items] == ["ann"]
    groups.delete(session, legal.id)
    assert users.named(session, "ann").groups == ("board",)
    with pytest.raises(UnknownGroupError):
        groups.delete(session, legal.id)


@pytest.mark.parametrize("look_up", [users, groups])
def test_pages_give_each_once(session: Session, look_up: object) -> None:
    assert look_up in (users, groups)
    module = users if look_up is users else groups
    for number in range(5):
        module.create(session, f"n{number}")
    first = module.page(session, after=None, limit=3)
    rest = module.page(session, after=first.next, limit=3)
    assert {item.name for item in [*first.items, *rest.items]} == {f"n{number}" for number in range(5)}
    assert rest.next is None
    with pytest.raises(InvalidCursorError):
        module.page(session, after="elsewhere", limit=3)
