"""Logging in from a browser: a password makes a login, whose secret the browser keeps in a cookie.

The cookie cannot be read by scripts and does not come along with requests that other sites send, but for
following a link. Requests that change something need a second proof, which only our own pages can give: a
header with a token that is derived from the secret.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie

from sqlalchemy.orm import Session
from starlette.responses import Response

from api.build import Application
from api.refusals import CsrfError, NoRoleError
from store import audit, logins, passwords, users
from store.errors import InvalidLoginError, UnknownUserError, WrongPasswordError
from store.logins import FREE_OF_ADDRESS, FREE_OF_USER, Login, NewLogin
from store.types import Role, User

COOKIE = "groundwork_login"
"""The cookie with the login's secret."""
CSRF_COOKIE = "groundwork_csrf"
"""The cookie from which our pages read the token that they send back."""
CSRF_HEADER = "x-csrf-token"

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class LoggedIn:
    """Somebody who has just logged in."""

    user: User
    role: Role
    login: NewLogin


def log_in(parts: Application, name: str, password: str, address: str) -> LoggedIn:
    """Log a user in who knows the password.

    Raises:
        LockedOutError: It failed too often, as this user or from this address.
        WrongPasswordError: User and password do not belong together, or the user is disabled.
        NoRoleError: The user has no role, so there is nothing that a login would allow.
    """
    _count(parts, name, address)
    if not passwords.matches(parts.database, name, password):
        _record_failure(parts, name, address, "password")
        raise WrongPasswordError
    with parts.database.transaction() as session:
        user = users.named(session, name)
    if user.disabled_at is not None:
        _record_failure(parts, name, address, "disabled")
        raise WrongPasswordError
    if user.role is None:
        raise NoRoleError(name)
    with parts.database.transaction() as session:
        _forgive(session, name, address)
        login = logins.begin(session, user.id, timedelta(hours=parts.settings.login_hours))
        audit.record(session, name, "login", name, {"address": address})
    return LoggedIn(user, user.role, login)


def log_out(session: Session, login: Login, *, everywhere: bool) -> None:
    """End a login, or all of its user."""
    if everywhere:
        logins.end_all(session, login.user.id)
    else:
        logins.end(session, login.id)
    audit.record(session, login.user.name, "logout", login.user.name, {"everywhere": everywhere})


def change_password(parts: Application, login: Login, current: str, new: str, address: str) -> None:
    """Give the user who is logged in another password; all their other logins end.

    Raises:
        LockedOutError: It failed too often.
        WrongPasswordError: `current` is not the password.
        WeakPasswordError: `new` cannot be one.
    """
    name = login.user.name
    passwords.check_strength(name, new)
    _count(parts, name, address)
    if not passwords.matches(parts.database, name, current):
        _record_failure(parts, name, address, "password")
        raise WrongPasswordError
    with parts.database.transaction() as session:
        _forgive(session, name, address)
        passwords.change(session, login.user.id, name, new)
        logins.end_all(session, login.user.id, but=login.id)
        audit.record(session, name, "user.password", name)


def login_of(parts: Application, headers: Mapping[str, str], method: str) -> Login | None:
    """The login that a request's cookie stands for; None where there is no cookie.

    Raises:
        InvalidLoginError: It is unknown or over.
        CsrfError: The request would change something, and does not prove that a page of ours sent it.
    """
    secret = _cookie(headers, COOKIE)
    if secret is None:
        return None
    with parts.database.each_alone() as session:
        login = logins.find(session, secret)
    sent = headers.get(CSRF_HEADER, "")
    if method not in SAFE_METHODS and not hmac.compare_digest(sent.encode(), csrf_token(secret).encode()):
        raise CsrfError
    return login


def needed_login(parts: Application, headers: Mapping[str, str], method: str) -> Login:
    """The login that a request's cookie stands for.

    Raises:
        InvalidLoginError: There is none, or it is unknown or over.
        CsrfError: As `login_of`.
    """
    login = login_of(parts, headers, method)
    if login is None:
        raise InvalidLoginError
    return login


def csrf_token(secret: str) -> str:
    """The token that proves a page of ours: nobody can make it who does not know the login's secret."""
    return hmac.new(secret.encode(errors="surrogatepass"), b"groundwork csrf", "sha256").hexdigest()


def set_cookies(response: Response, login: NewLogin, hours: float, *, secure: bool) -> None:
    """Let the browser keep a login; with `secure` it never sends it in the clear."""
    age_s = int(hours * 3600)
    response.set_cookie(
        COOKIE, login.secret, max_age=age_s, path="/", secure=secure, httponly=True, samesite="lax"
    )
    token = csrf_token(login.secret)
    response.set_cookie(CSRF_COOKIE, token, max_age=age_s, path="/", secure=secure, samesite="lax")


def clear_cookies(response: Response, *, secure: bool) -> None:
    """Let the browser forget a login."""
    response.delete_cookie(COOKIE, path="/", secure=secure, httponly=True, samesite="lax")
    response.delete_cookie(CSRF_COOKIE, path="/", secure=secure, samesite="lax")


def _count(parts: Application, name: str, address: str) -> None:
    for subject, free in ((_as_user(name), FREE_OF_USER), (_from(address), FREE_OF_ADDRESS)):
        with parts.database.transaction() as session:
            logins.attempt(session, subject, free)


def _record_failure(parts: Application, name: str, address: str, reason: str) -> None:
    """Record a failed login; a name that is nobody's may be a password in the wrong field: it stays out."""
    with parts.database.transaction() as session:
        try:
            known = users.named(session, name).name
        except UnknownUserError:
            known = ""
        audit.record(session, "", "login.failed", known, {"address": address, "reason": reason})


def _forgive(session: Session, name: str, address: str) -> None:
    # What failed from the address before stays counted: who has one user must not try all others for ever.
    logins.succeed(session, _as_user(name))
    logins.take_back(session, _from(address))


def _as_user(name: str) -> str:
    return f"user {name}"


def _from(address: str) -> str:
    return f"address {address}"


def _cookie(headers: Mapping[str, str], name: str) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return found.value if found is not None and found.value else None
