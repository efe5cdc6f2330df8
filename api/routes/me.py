"""Who is calling."""

from fastapi import APIRouter

from api.auth import Parts, ReaderKey
from api.errors import OF_EVERY_ROUTE
from api.routes.users import show_caller
from api.schemas.access import MeView

router = APIRouter(prefix="/v1", tags=["keys"], responses=OF_EVERY_ROUTE)


@router.get("/me", summary="Who am I?")
def me(parts: Parts, key: ReaderKey) -> MeView:
    """The user in whose name this request came, and what it may do; in short what `/v1/users/me` tells."""
    caller = show_caller(parts, key)
    return MeView(user=caller.user.name, role=caller.role)
