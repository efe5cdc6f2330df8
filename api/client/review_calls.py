"""One function for each route of scores, corrections and queues, under its name; see `api.client.calls`."""

from typing import Any
from uuid import UUID

from api.client.calls import Call, Download, Listing
from api.exports import Exported, ExportFormat
from api.schemas.overview import OverviewView
from api.schemas.queries import OtherModelsView, QueryView, ReplayBody, ReplayView
from api.schemas.queues import (
    AddedView,
    AgreementView,
    NextItemView,
    QueueBody,
    QueueChangeBody,
    QueueItemsBody,
    QueueItemView,
    QueueView,
    SubmitBody,
)
from api.schemas.scores import (
    CorrectionBody,
    CorrectionsView,
    CorrectionView,
    ResponseScoresBody,
    ResponseScoresView,
    ScoreDefinitionBody,
    ScoreDefinitionChangeBody,
    ScoreDefinitionView,
)
from store.activity import By


def list_score_definitions(archived: bool | None = None) -> Listing[ScoreDefinitionView]:
    """List what responses can be scored for, by name."""
    return Listing("/v1/score-definitions", ScoreDefinitionView, "definitions", {"archived": archived})


def create_score_definition(body: ScoreDefinitionBody) -> Call[ScoreDefinitionView]:
    """Make a score definition."""
    return Call("POST", "/v1/score-definitions", ScoreDefinitionView, body=body)


def show_score_definition(name: str) -> Call[ScoreDefinitionView]:
    """Show a score definition."""
    return Call("GET", f"/v1/score-definitions/{name}", ScoreDefinitionView)


def change_score_definition(name: str, body: ScoreDefinitionChangeBody) -> Call[ScoreDefinitionView]:
    """Change a score definition that no score uses yet, or archive one."""
    return Call("PATCH", f"/v1/score-definitions/{name}", ScoreDefinitionView, body=body)


def list_scores(response_id: UUID, history: bool = False) -> Call[ResponseScoresView]:
    """List the scores of a response."""
    return Call("GET", f"/v1/responses/{response_id}/scores", ResponseScoresView, {"history": history})


def give_scores(response_id: UUID, body: ResponseScoresBody) -> Call[ResponseScoresView]:
    """Score a response."""
    return Call("POST", f"/v1/responses/{response_id}/scores", ResponseScoresView, body=body)


def list_response_corrections(response_id: UUID, history: bool = False) -> Call[CorrectionsView]:
    """List the corrections of a response."""
    return Call("GET", f"/v1/responses/{response_id}/corrections", CorrectionsView, {"history": history})


def correct_response(response_id: UUID, body: CorrectionBody) -> Call[CorrectionView]:
    """Say what an answer should have been."""
    return Call("POST", f"/v1/responses/{response_id}/corrections", CorrectionView, body=body)


def list_corrections(user: str | None = None) -> Listing[CorrectionView]:
    """List corrections, the newest first."""
    return Listing("/v1/corrections", CorrectionView, "corrections", {"user": user})


def list_queues(mine: bool = False, closed: bool | None = None) -> Listing[QueueView]:
    """List review queues, by name."""
    return Listing("/v1/queues", QueueView, "queues", {"mine": mine, "closed": closed})


def create_queue(body: QueueBody) -> Call[QueueView]:
    """Make a queue."""
    return Call("POST", "/v1/queues", QueueView, body=body)


def show_queue(queue_id: UUID) -> Call[QueueView]:
    """Show a queue."""
    return Call("GET", f"/v1/queues/{queue_id}", QueueView)


def change_queue(queue_id: UUID, body: QueueChangeBody) -> Call[QueueView]:
    """Change, close or open a queue."""
    return Call("PATCH", f"/v1/queues/{queue_id}", QueueView, body=body)


def list_queue_items(queue_id: UUID, done: bool | None = None) -> Listing[QueueItemView]:
    """List the items of a queue."""
    return Listing(f"/v1/queues/{queue_id}/items", QueueItemView, "items", {"done": done})


def add_queue_items(queue_id: UUID, body: QueueItemsBody) -> Call[AddedView]:
    """Put responses into a queue."""
    return Call("POST", f"/v1/queues/{queue_id}/items", AddedView, body=body)


def take_queue_item(queue_id: UUID) -> Call[NextItemView]:
    """Take the next item into your hands."""
    return Call("POST", f"/v1/queues/{queue_id}/next", NextItemView)


def submit_queue_item(queue_id: UUID, item_id: UUID, body: SubmitBody) -> Call[QueueItemView]:
    """Submit a review."""
    return Call("POST", f"/v1/queues/{queue_id}/items/{item_id}/submit", QueueItemView, body=body)


def skip_queue_item(queue_id: UUID, item_id: UUID) -> Call[QueueItemView]:
    """Leave an item to others."""
    return Call("POST", f"/v1/queues/{queue_id}/items/{item_id}/skip", QueueItemView)


def show_agreement(queue_id: UUID) -> Call[AgreementView]:
    """Show how the reviewers of a queue agree."""
    return Call("GET", f"/v1/queues/{queue_id}/agreement", AgreementView)


def show_overview(by: By = By.NOTHING, width_s: int = 86_400, **wanted: Any) -> Call[OverviewView]:
    """Show how the answers have been, in figures; `wanted` are the filters of the list of responses."""
    return Call("GET", "/v1/overview", OverviewView, {"by": by, "width_s": width_s, **wanted})


def export_log(
    what: Exported, format: ExportFormat = ExportFormat.JSONL, *, anonymise: bool = False, **wanted: Any
) -> Download:
    """Export the log; `wanted` are the filters of the list of responses."""
    return Download(f"/v1/exports/{what}", {"format": format, "anonymise": anonymise, **wanted})


def explain_query(q: str) -> Call[QueryView]:
    """Explain a query for responses, term by term."""
    return Call("GET", "/v1/responses/query", QueryView, {"q": q})


def replay(response_id: UUID, body: ReplayBody) -> Call[ReplayView]:
    """Ask a logged question again."""
    return Call("POST", f"/v1/responses/{response_id}/replay", ReplayView, body=body)


def list_models_to_ask_again() -> Call[OtherModelsView]:
    """List the models that a logged question can be asked again of."""
    return Call("GET", "/v1/responses/models", OtherModelsView)
