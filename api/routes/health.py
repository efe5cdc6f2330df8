"""Whether the server is up, and whether it can answer."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from api.auth import Parts
from api.build import Application, PendingMigrationsError
from api.errors import problems
from api.refusals import NotReadyError
from store.errors import DatabaseUnavailableError, NewerTablesError
from store.postgres import pending_migrations

router = APIRouter(tags=["health"])

MOST_BEHIND_S = 60.0
"""For so long an index may be without the newest changes, as while it takes in very many of them."""


class HealthView(BaseModel):
    """A sign of life."""

    status: str = "ok"


class ReadyView(BaseModel):
    """All that is needed for an answer, each found to be there."""

    status: str = "ready"
    database: bool = True
    migrations: bool = True
    models: bool = True
    indexes: bool = True


@router.get("/health", summary="Is the process up?")
async def health() -> HealthView:
    """Answers as long as the process runs, whatever state its parts are in. Needs no key."""
    return HealthView()


@router.get("/ready", summary="Can it answer questions?", responses=problems(NotReadyError))
def ready(request: Request, parts: Parts) -> ReadyView:
    """Asks the database, and looks whether the models are loaded and the indexes are open and in step.

    Needs no key. 503 names all reasons why questions cannot be answered, or not from what was ingested.
    """
    reasons = reasons_not_ready(request, parts)
    if reasons:
        raise NotReadyError(reasons)
    return ReadyView()


def reasons_not_ready(request: Request, parts: Application) -> list[str]:
    """What keeps the application from answering questions; empty when nothing does."""
    reasons = []
    try:
        if pending_migrations(parts.database):
            reasons.append(str(PendingMigrationsError()))
    except NewerTablesError as error:
        reasons.append(str(error))
    except DatabaseUnavailableError:
        reasons.append("The database cannot be reached.")
    if not parts.models_loaded:
        reasons.append("The models are not loaded; if this stays so, the server's log says why.")
    elif not request.app.state.background.indexes_opened:
        reasons.append("The indexes are being opened; if this stays so, the server's log says why.")
    behind_s = max((state.behind_s for state in parts.index_states()), default=0.0)
    if behind_s > MOST_BEHIND_S + 2 * parts.settings.refresh_interval_s:
        reasons.append(f"An index has not caught up for {behind_s:.0f} s; the server's log says why.")
    return reasons
