"""The page on which a person follows a job; it fetches what it shows, with the key that is typed in."""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import HTMLResponse

router = APIRouter()


@router.get("/jobs/{job_id}", include_in_schema=False)
def job_page(job_id: UUID) -> HTMLResponse:
    """The page of any job: it holds nothing of the job itself, so it needs no key."""
    page = _page()
    return HTMLResponse(page, headers={"Content-Security-Policy": _policy(page)})


@cache
def _page() -> str:
    return (files("api") / "web" / "job.html").read_text(encoding="utf-8")


@cache
def _policy(page: str) -> str:
    """Nothing runs or loads but the page's own script and style, known by their hashes."""
    hashes = {
        kind: base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        for kind, content in re.findall(r"<(script|style)>(.*?)</\1>", page, re.DOTALL)
    }
    return (
        f"default-src 'none'; connect-src 'self'; script-src 'sha256-{hashes['script']}'; "
        f"style-src 'sha256-{hashes['style']}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
