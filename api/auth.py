"""Who is calling, and what they may do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from sqlalchemy.orm import Session

from api.build import Application
from api.limits import limit_request
from api.logins import login_of
from api.refusals import AccessError, MissingKeyError, NoRoleError, RoleError
from store import access, access_lists
from store.access import Authenticated
from store.logins import Login
from store.types import Corpus, Key, Level, Limits, Role, Verb
from store.visibility import Reader

ROLES = tuple(Role)
"""From the one that may least to the one that may all."""

LEVELS = tuple(Level)
"""From the one that allows least to the one that allows most."""

VERBS_OF: Mapping[Role, frozenset[Verb]] = {
    Role.READER: frozenset({Verb.READ, Verb.ASK}),
    Role.CONTRIBUTOR: frozenset({Verb.READ, Verb.ASK, Verb.INGEST}),
    Role.REVIEWER: frozenset({Verb.READ, Verb.ASK, Verb.INGEST, Verb.REVIEW}),
    Role.ADMINISTRATOR: frozenset(Verb),
}
"""What each role allows at most."""

bearer = HTTPBearer(
    auto_error=False, scheme_name="API key", description="A key that `rag keys create` or `/v1/keys` made."
)


@dataclass(frozen=True)
class Caller:
    """On whose behalf a request is served, and what bounds it, however the caller was recognised."""

    user: str
    """The user's name."""
    user_id: UUID
    role: Role
    """The lesser of the user's role and the key's."""
    groups: tuple[str, ...]
    limits: Limits
    """The user's own, which go before those of the settings."""
    key: Key | None
    """The API key that was shown; None where something else was."""
    corpora: frozenset[int] | None
    """The ids of the corpora that it is held to; None: all that the user may read."""
    verbs: frozenset[Verb]
    corpus: Corpus | None = None
    """The corpus that was looked up with the key; None: none was, or the key alone does not show it."""

    @property
    def reader(self) -> Reader:
        """Whose reading it is: what the store shows of documents and of the log."""
        return Reader(self.user_id, Verb.ADMINISTER in self.verbs, self.corpora)

    @property
    def id(self) -> UUID:
        """What a caller's unfinished work is kept under: the key, or else the user."""
        return self.user_id if self.key is None else self.key.id


async def application_of(request: Request) -> Application:
    """The application that a request is served by."""
    application: Application = request.app.state.application
    return application


Parts = Annotated[Application, Depends(application_of)]


def allows(role: Role, needed: Role) -> bool:
    """Whether one of `role` may do what `needed` may."""
    return ROLES.index(role) >= ROLES.index(needed)


def recognise(
    parts: Application, headers: Mapping[str, str], method: str = "POST", corpus: str | None = None
) -> Caller:
    """Who sends a request with these headers: the one place that knows how callers are recognised.

    An API key goes before the cookie of a login, which proves who it is only for what changes nothing; for
    all else, and where no `method` is given, the login's token has to be in the headers too. With a key, the
    corpus of a name can be looked up at once.

    Raises:
        MissingKeyError: There is neither API key nor login in them.
        InvalidKeyError: It is unknown, expired or revoked, or its user disabled.
        InvalidLoginError: It is unknown or over, or its user disabled.
        CsrfError: The login's token is missing.
        NoRoleError: The user who is logged in has no role any more.
    """
    if "authorization" not in headers:
        login = login_of(parts, headers, method)
        if login is not None:
            return _caller_with_login(login)
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise MissingKeyError
    return caller_with_key(parts, secret, corpus)


def caller_with_key(parts: Application, secret: str, corpus: str | None = None) -> Caller:
    """The caller who shows the secret of an API key.

    Raises:
        InvalidKeyError: It is unknown, expired or revoked, or its user disabled.
    """
    with parts.database.each_alone() as session:
        found = access.authenticate(session, secret, corpus)
    return Caller(
        user=found.user.name,
        user_id=found.user.id,
        role=found.role,
        groups=found.user.groups,
        limits=found.user.limits,
        key=found.key,
        corpora=found.corpora,
        verbs=_verbs_of(found),
        corpus=found.corpus,
    )


def _verbs_of(found: Authenticated) -> frozenset[Verb]:
    verbs = VERBS_OF[found.role]
    if found.key.verbs is not None:
        verbs &= frozenset(found.key.verbs)
    return verbs if found.corpora is None else verbs - {Verb.ADMINISTER}


def _caller_with_login(login: Login) -> Caller:
    user = login.user
    if user.role is None:
        raise NoRoleError(user.name)
    return Caller(
        user=user.name,
        user_id=user.id,
        role=user.role,
        groups=user.groups,
        limits=user.limits,
        key=None,
        corpora=None,
        verbs=VERBS_OF[user.role],
    )


def requires(needed: Role, *verbs: Verb) -> Callable[..., Caller]:
    """A dependency that gives the caller, who may do at least one of `verbs`.

    It raises MissingKeyError, InvalidKeyError, RoleError or AccessError for those that may not call, and
    LimitReachedError for those that may not call again so soon.
    """

    def caller(request: Request, parts: Parts, shown: Annotated[object, Depends(bearer)]) -> Caller:
        return admit(parts, request, needed, *verbs)

    return caller


def admit(
    parts: Application, request: Request, needed: Role, *verbs: Verb, corpus: str | None = None
) -> Caller:
    """The caller, who may do at least one of `verbs`; it is what `requires` does.

    Where the request is about a corpus, that can be looked up with the key.

    Raises:
        MissingKeyError, InvalidKeyError, InvalidLoginError, CsrfError, NoRoleError: See `recognise`.
        RoleError, AccessError: The caller may not do it.
        LimitReachedError: The caller may not call again so soon.
    """
    found = recognise(parts, request.headers, request.method, corpus)
    if not allows(found.role, needed):
        raise RoleError(found.role, needed)
    check_verb(found, *verbs)
    limit_request(parts, request.scope, found)
    return found


def check_verb(caller: Caller, *verbs: Verb) -> None:
    """See to it that a caller may do at least one of these.

    Raises:
        AccessError: Its key is held to other things.
    """
    if caller.verbs.isdisjoint(verbs):
        held = ", ".join(sorted(caller.verbs)) or "nothing"
        raise AccessError(
            f"This needs a key that may {verbs[0]}, but this one is held to: {held}. Use another."
        )


def check_level(session: Session, corpus_id: int, caller: Caller, needed: Level) -> None:
    """See to it that a caller may do something with a corpus that it knows of.

    Raises:
        AccessError: The corpus was not granted to it for that.
    """
    level = access_lists.level_of(session, corpus_id, caller.reader)
    if level is None or LEVELS.index(level) < LEVELS.index(needed):
        raise AccessError(
            f"You may not {needed} this corpus. Ask somebody who manages it to grant that to you."
        )


ReaderKey = Annotated[Caller, Depends(requires(Role.READER, Verb.READ))]
AskerKey = Annotated[Caller, Depends(requires(Role.READER, Verb.ASK))]
AnyKey = Annotated[Caller, Depends(requires(Role.READER, *Verb))]
ContributorKey = Annotated[Caller, Depends(requires(Role.CONTRIBUTOR, Verb.INGEST))]
ReviewerKey = Annotated[Caller, Depends(requires(Role.REVIEWER, Verb.REVIEW))]
AdministratorKey = Annotated[Caller, Depends(requires(Role.ADMINISTRATOR, Verb.ADMINISTER))]
