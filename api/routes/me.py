"""Who is calling."""

from fastapi import APIRouter

from api.auth import ReaderKey
from api.errors import OF_EVERY_ROUTE
from api.schemas.access import MeView

router = APIRouter(prefix="/v1", tags=["keys"], responses=OF_EVERY_ROUTE)


@router.get("/me", summary="Who am I?")
def me(key: ReaderKey) -> MeView:
    """The user in whose name this request came, and what it may do."""
    return MeView(user=key.user, role=key.role)
