from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from store import access, users
from store.errors import InvalidKeyError, KeyScopeError, UnknownKeyError
from store.tables import KeyRow
from store.types import Role


def test_secret_opens_its_key(session: Session) -> None:
    new = access.create_key(session, "ann", Role.REVIEWER)
    found = access.authenticate(session, new.secret)
    key = found.key
    assert key == new.key
    assert found.user == users.named(session, "ann")
    assert (key.user, key.role, key.revoked_at) == ("ann", Role.REVIEWER, None)


def test_secret_is_long_and_random_and_shows_its_prefix(session: Session) -> None:
    first, second = (access.create_key(session, "ann", Role.READER) for _ in range(2))
    assert first.secret.startswith("gw_")
    assert len(first.secret) == 3 + 43
    assert first.key.prefix == first.secret[:10]
    assert first.secret != second.secret


def test_secret_is_not_stored(session: Session) -> None:
    secret = access.create_key(session, "ann", Role.READER).secret
    stored = session.execute(select(KeyRow.prefix, KeyRow.hash)).one()
    assert secret not in " ".join(stored)


@pytest.mark.parametrize("secret", ["", "gw_", "gw_" + "x" * 43, "ä\ud800"])
def test_unknown_secret_is_refused(session: Session, secret: str) -> None:
    access.create_key(session, "ann", Role.READER)
    with pytest.raises(InvalidKeyError, match="rag keys create"):
        access.authenticate(session, secret)


def test_revoked_key_is_refused_and_stays_listed(session: Session) -> None:
    new = access.create_key(session, "ann", Role.READER)
    revoked = access.revoke_key(session, new.key.id)
    assert revoked.revoked_at is not None
    assert access.revoke_key(session, new.key.id) == revoked
    assert access.list_keys(session) == [revoked]
    with pytest.raises(InvalidKeyError):
        access.authenticate(session, new.secret)


def test_revoking_an_unknown_key_names_it(session: Session) -> None:
    with pytest.raises(UnknownKeyError, match="00000007"):
        access.revoke_key(session, UUID(int=7))


def test_users_own_role_bounds_the_keys_that_there_are(session: Session) -> None:
    secret = access.create_key(session, "ann", Role.REVIEWER).secret
    assert access.authenticate(session, secret).role == Role.REVIEWER
    users.change(session, users.named(session, "ann").id, {"role": Role.READER})
    assert access.authenticate(session, secret).role == Role.READER
    users.change(session, users.named(session, "ann").id, {"role": Role.ADMINISTRATOR})
    assert access.authenticate(session, secret).role == Role.REVIEWER


def test_key_beyond_its_users_role_is_refused_with_the_way_out(session: Session) -> None:
    users.create(session, "ann", role=Role.CONTRIBUTOR)
    access.create_key(session, "ann", Role.CONTRIBUTOR)
    with pytest.raises(KeyScopeError, match="rag users change ann --role reviewer"):
        access.create_key(session, "ann", Role.REVIEWER)


def test_keys_of_a_disabled_user_are_refused_until_it_is_enabled(session: Session) -> None:
    secret = access.create_key(session, "ann", Role.READER).secret
    user = access.authenticate(session, secret).user
    users.change(session, user.id, {"disabled": True})
    with pytest.raises(InvalidKeyError):
        access.authenticate(session, secret)
    users.change(session, user.id, {"disabled": False})
    assert access.authenticate(session, secret).user == user
