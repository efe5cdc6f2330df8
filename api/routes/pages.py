"""The browser pages: one shell for all of them, and the files that it loads.

They hold nothing of anybody's, so they need no key: what a page shows it fetches from the API, as the person
who has signed in on it.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from store.types import Role

router = APIRouter(include_in_schema=False)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
"""Nothing runs or loads but our own files, and no text can become markup, not even by a mistake of ours."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Page:
    """A page, made by the module `pages/MODULE.js`; one with `needs` None is not in the navigation."""

    path: str
    title: str
    module: str
    needs: Role | None


PAGES = (
    Page("/ask", "Ask", "ask", Role.READER),
    Page("/responses", "Responses", "responses", Role.READER),
    Page("/responses/{id}", "Response", "response", None),
    Page("/queue", "Queue", "queues", Role.REVIEWER),
    Page("/queue/{id}", "Review", "queue", None),
    Page("/overview", "Overview", "overview", Role.READER),
    Page("/documents", "Documents", "documents", Role.READER),
    Page("/duplicates", "Duplicates", "duplicates", Role.READER),
    Page("/jobs", "Jobs", "jobs", Role.READER),
    Page("/jobs/{id}", "Job", "job", None),
    Page("/users", "Users", "users", Role.ADMINISTRATOR),
    Page("/keys", "Keys", "keys", Role.ADMINISTRATOR),
    Page("/audit", "Audit", "audit", Role.ADMINISTRATOR),
    Page("/documents/{id}", "Document", "document", None),
    Page("/login", "Sign in", "login", None),
)


@dataclass(frozen=True)
class Asset:
    """A file that pages load."""

    content: bytes
    media_type: str
    etag: str


@router.get("/")
def first_page() -> RedirectResponse:
    """The page that one begins with."""
    return RedirectResponse("/ask")


@router.get("/assets/{name:path}")
def asset(name: str, request: Request) -> Response:
    """A file of the pages; browsers ask whether it changed, so that a new version comes whole."""
    found = _assets().get(name)
    if found is None:
        raise HTTPException(404)
    headers = {**HEADERS, "ETag": found.etag}
    if request.headers.get("if-none-match") == found.etag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


def _add(page: Page) -> None:
    def show() -> HTMLResponse:
        return HTMLResponse(_html(page), headers=HEADERS)

    router.add_api_route(page.path, show, methods=["GET"], name=f"page {page.module}")


for _page in PAGES:
    _add(_page)


@cache
def _html(page: Page) -> str:
    shell = Template((_web() / "shell.html").read_text(encoding="utf-8"))
    links = "\n".join(_link(other, page) for other in PAGES if other.needs is not None)
    return shell.substitute(title=escape(page.title), module=page.module, links=links)


def _link(to: Page, page: Page) -> str:
    current = ' aria-current="page"' if to == page else ""
    return f'<li><a href="{to.path}" data-needs="{to.needs}"{current}>{escape(to.title)}</a></li>'


@cache
def _assets() -> dict[str, Asset]:
    found: dict[str, Asset] = {}
    for prefix, folder in (("", _web()), ("pages/", _web() / "pages")):
        for file in folder.iterdir():
            media_type = MEDIA_TYPES.get("." + file.name.rpartition(".")[2])
            if media_type is not None:
                content = file.read_bytes()
                etag = f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'
                found[prefix + file.name] = Asset(content, media_type, etag)
    return found


def _web() -> Traversable:
    return files("api") / "web"
