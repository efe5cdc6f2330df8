"""One function for each route by which corpora are looked after, under its name."""

from datetime import datetime
from urllib.parse import quote
from uuid import UUID

from api.client.calls import Call, Listing
from api.schemas.access import MeView
from api.schemas.audit import ActView
from api.schemas.documents import ClusterView, CorpusChange, CorpusView, DocumentView
from api.schemas.privacy import ForgetBody, ForgottenView, VaultEntryView, VaultOpeningsView


def me() -> Call[MeView]:
    """Ask who the key belongs to, and what it allows."""
    return Call("GET", "/v1/me", MeView)


def change_corpus(name: str, body: CorpusChange) -> Call[CorpusView]:
    """Change a corpus's settings."""
    return Call("PATCH", f"/v1/corpora/{quote(name, safe='')}", CorpusView, body=body)


def list_clusters(corpus: str) -> Listing[ClusterView]:
    """List documents whose text others repeat."""
    return Listing("/v1/duplicates", ClusterView, "clusters", {"corpus": corpus})


def show_cluster(document_id: UUID) -> Call[ClusterView]:
    """Show a document with its copies."""
    return Call("GET", f"/v1/duplicates/{document_id}", ClusterView)


def split_document(document_id: UUID) -> Call[DocumentView]:
    """Index a near-duplicate by itself."""
    return Call("POST", f"/v1/duplicates/{document_id}/split", DocumentView)


def list_openings() -> Call[VaultOpeningsView]:
    """List who opened the vault."""
    return Call("GET", "/v1/vault", VaultOpeningsView)


def show_entry(pseudonym: str) -> Call[VaultEntryView]:
    """Show what a pseudonym stands for."""
    return Call("GET", f"/v1/vault/{quote(pseudonym, safe='')}", VaultEntryView)


def forget(body: ForgetBody) -> Call[ForgottenView]:
    """Forget a person."""
    return Call("POST", "/v1/forget", ForgottenView, body=body)


def list_acts(
    *,
    actor: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Listing[ActView]:
    """List who did what, the newest first."""
    wanted = {"actor": actor, "action": action, "since": since, "until": until}
    return Listing("/v1/audit", ActView, "acts", wanted)
