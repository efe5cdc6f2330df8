"""Whether the server is up, and whether it can answer."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.auth import Parts
from api.build import Application, PendingMigrationsError
from api.errors import NotReadyError, problems
from store.errors import DatabaseUnavailableError
from store.postgres import pending_migrations

router = APIRouter(tags=["health"])


class HealthView(BaseModel):
    """A sign of life."""

    status: str = "ok"


class ReadyView(BaseModel):
    """All that is needed for an answer, each found to be there."""

    status: str = "ready"
    database: bool = True
    migrations: bool = True
    models: bool = True


@router.get("/health", summary="Is the process up?")
async def health() -> HealthView:
    """Answers as long as the process runs, whatever state its parts are in. Needs no key."""
    return HealthView()


@router.get("/ready", summary="Can it answer questions?", responses=problems(NotReadyError))
def ready(parts: Parts) -> ReadyView:
    """Asks the database and looks whether the models are loaded. Needs no key.

    503 names all reasons why questions cannot be answered now.
    """
    reasons = reasons_not_ready(parts)
    if reasons:
        raise NotReadyError(reasons)
    return ReadyView()


def reasons_not_ready(parts: Application) -> list[str]:
    """What keeps the application from answering questions; empty when nothing does."""
    reasons = []
    try:
        if pending_migrations(parts.database):
            reasons.append(str(PendingMigrationsError()))
    except DatabaseUnavailableError:
        reasons.append("The database cannot be reached.")
    if not parts.models_loaded:
        reasons.append("The models are not loaded; if this stays so, the server's log says why.")
    return reasons
