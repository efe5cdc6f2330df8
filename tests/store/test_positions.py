from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from store import users
from store.positions import Batch, newest_first, oldest_first
from store.tables import UserRow

COLUMNS = select(UserRow.id, UserRow.created_at)


@pytest.mark.parametrize(("list_", "backwards"), [(oldest_first, False), (newest_first, True)])
def test_pages_give_each_row_once_by_moment_and_then_by_id(
    session: Session, list_: Callable[..., Batch], backwards: bool
) -> None:
    for number in range(5):
        users.create(session, f"user {number}")  # all at one moment: that of the transaction
    seen, after = [], None
    while True:
        page = list_(session, COLUMNS, UserRow.created_at, UserRow.id, after=after, limit=2)
        seen += [row.id for row in page.items]
        if page.next is None:
            break
        after = page.next
    assert seen == sorted((user.id for user in users.list_all(session)), reverse=backwards)
    assert len(seen) == 5
