"""The figures of a process, for Prometheus."""

from typing import Literal

from fastapi import APIRouter, Depends, Request, Response

from api.auth import Parts, requires
from api.metrics import CONTENT_TYPE_LATEST, Metrics
from api.routes.health import reasons_not_ready
from store.types import Role, Verb


def metrics_router(who: Literal["off", "key", "open"]) -> APIRouter:
    """The route `/metrics` for nobody, for those with a key of a reviewer, or for everybody."""
    router = APIRouter(include_in_schema=False)
    if who != "off":
        guards = [Depends(requires(Role.REVIEWER, Verb.REVIEW))] if who == "key" else []
        router.add_api_route("/metrics", show_metrics, dependencies=guards)
    return router


def show_metrics(request: Request, parts: Parts) -> Response:
    """The figures in Prometheus's text format."""
    metrics: Metrics = request.app.state.metrics
    ready = not reasons_not_ready(request, parts)
    state = request.app.state
    shown = metrics.show(parts, state.asking.in_work, ready=ready, warm=state.warm_up.is_done)
    return Response(shown, media_type=CONTENT_TYPE_LATEST)
