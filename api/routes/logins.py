"""Logging in and out from a browser."""

from fastapi import APIRouter, Request, Response, status

from api import logins
from api.auth import Parts, ReaderKey
from api.errors import OF_EVERY_ROUTE, problems
from api.refusals import BodyError, CsrfError, NoRoleError, TooLargeError, UnsupportedBodyError
from api.schemas.logins import LoginBody, LoginView, LogoutBody, PasswordBody
from store.errors import (
    DatabaseUnavailableError,
    InvalidLoginError,
    LockedOutError,
    WeakPasswordError,
    WrongPasswordError,
)

router = APIRouter(prefix="/v1", tags=["logins"])


@router.post(
    "/login",
    summary="Log in",
    responses=problems(
        WrongPasswordError,
        LockedOutError,
        BodyError,
        TooLargeError,
        UnsupportedBodyError,
        DatabaseUnavailableError,
        NoRoleError,
    ),
)
def log_in(body: LoginBody, request: Request, response: Response, parts: Parts) -> LoginView:
    """Makes a login for a browser, which keeps it in a cookie that scripts cannot read.

    With the cookie no API key is needed; requests that change something carry `csrf_token`, which is also in
    the cookie `groundwork_csrf`, in the header `X-CSRF-Token`. After failures there is a wait, longer each
    time.
    """
    done = logins.log_in(parts, body.user, body.password, address_of(request))
    secure = request.url.scheme == "https"
    logins.set_cookies(response, done.login, parts.settings.login_hours, secure=secure)
    return LoginView(
        user=done.user.name,
        role=done.role,
        expires_at=done.login.expires_at,
        csrf_token=logins.csrf_token(done.login.secret),
    )


@router.post(
    "/logout",
    summary="Log out",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={**OF_EVERY_ROUTE, **problems(InvalidLoginError, CsrfError)},
)
def log_out(body: LogoutBody, request: Request, parts: Parts, key: ReaderKey) -> Response:
    """Ends the login in the cookie, or all logins of its user. API keys stay."""
    login = logins.needed_login(parts, request.headers, request.method)
    with parts.database.transaction() as session:
        logins.log_out(session, login, everywhere=body.everywhere)
    response = Response(status_code=status.HTTP_204_NO_CONTENT)
    logins.clear_cookies(response, secure=request.url.scheme == "https")
    return response


@router.post(
    "/password",
    summary="Change your password",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={
        **OF_EVERY_ROUTE,
        **problems(InvalidLoginError, CsrfError, WrongPasswordError, LockedOutError, WeakPasswordError),
    },
)
def change_password(body: PasswordBody, request: Request, parts: Parts, key: ReaderKey) -> Response:
    """Gives whoever is logged in another password; their other logins end. Needs a login, not an API key."""
    login = logins.needed_login(parts, request.headers, request.method)
    logins.change_password(parts, login, body.current, body.new, address_of(request))
    return Response(status_code=status.HTTP_204_NO_CONTENT)


def address_of(request: Request) -> str:
    """Where a request comes from; behind a proxy on this machine, what that says."""
    return request.client.host if request.client else ""
