"""One function for each route of users, groups and access lists, under its name; see `api.client.calls`."""

from urllib.parse import quote
from uuid import UUID

from api.client.calls import Call, Listing, Nothing
from api.schemas.documents import AccessBody, AccessView, ReadersBody, ReadersView
from api.schemas.logins import LoginBody, LoginView, LogoutBody, PasswordBody
from api.schemas.users import CallerView, GroupBody, GroupChange, GroupView, UserBody, UserChange, UserView


def log_in(body: LoginBody) -> Call[LoginView]:
    """Log in, as a browser does; from then on a client without a key acts as that user."""
    return Call("POST", "/v1/login", LoginView, body=body)


def log_out(body: LogoutBody) -> Call[Nothing]:
    """Log out, here or everywhere."""
    return Call("POST", "/v1/logout", Nothing, body=body)


def change_password(body: PasswordBody) -> Call[Nothing]:
    """Change the password of whoever is logged in."""
    return Call("POST", "/v1/password", Nothing, body=body)


def list_users() -> Listing[UserView]:
    """List users, oldest first."""
    return Listing("/v1/users", UserView, "users")


def create_user(body: UserBody) -> Call[UserView]:
    """Make a user."""
    return Call("POST", "/v1/users", UserView, body=body)


def show_caller() -> Call[CallerView]:
    """Ask who you are, and what you may do."""
    return Call("GET", "/v1/users/me", CallerView)


def show_user(user_id: UUID) -> Call[UserView]:
    """Show a user."""
    return Call("GET", f"/v1/users/{user_id}", UserView)


def change_user(user_id: UUID, body: UserChange) -> Call[UserView]:
    """Change a user: what is set in the body, and nothing else."""
    return Call("PATCH", f"/v1/users/{user_id}", UserView, body=body)


def show_access(name: str) -> Call[AccessView]:
    """Show who may use a corpus."""
    return Call("GET", f"/v1/corpora/{quote(name, safe='')}/access", AccessView)


def set_access(name: str, body: AccessBody) -> Call[AccessView]:
    """Say who may use a corpus."""
    return Call("PUT", f"/v1/corpora/{quote(name, safe='')}/access", AccessView, body=body)


def show_readers(document_id: UUID) -> Call[ReadersView]:
    """Show who may see a document."""
    return Call("GET", f"/v1/documents/{document_id}/readers", ReadersView)


def set_readers(document_id: UUID, body: ReadersBody) -> Call[ReadersView]:
    """Say who may see a document."""
    return Call("PUT", f"/v1/documents/{document_id}/readers", ReadersView, body=body)


def open_document(document_id: UUID) -> Call[ReadersView]:
    """Show a document to all again that may read its corpus."""
    return Call("DELETE", f"/v1/documents/{document_id}/readers", ReadersView)


def list_groups() -> Listing[GroupView]:
    """List groups, oldest first."""
    return Listing("/v1/groups", GroupView, "groups")


def create_group(body: GroupBody) -> Call[GroupView]:
    """Make a group."""
    return Call("POST", "/v1/groups", GroupView, body=body)


def show_group(group_id: UUID) -> Call[GroupView]:
    """Show a group."""
    return Call("GET", f"/v1/groups/{group_id}", GroupView)


def change_group(group_id: UUID, body: GroupChange) -> Call[GroupView]:
    """Change a group: what is set in the body, and nothing else."""
    return Call("PATCH", f"/v1/groups/{group_id}", GroupView, body=body)


def delete_group(group_id: UUID) -> Call[Nothing]:
    """Delete a group."""
    return Call("DELETE", f"/v1/groups/{group_id}", Nothing)


def list_members(group_id: UUID) -> Listing[UserView]:
    """List the users in a group."""
    return Listing(f"/v1/groups/{group_id}/members", UserView, "users")


def add_member(group_id: UUID, user_id: UUID) -> Call[UserView]:
    """Put a user into a group."""
    return Call("PUT", f"/v1/groups/{group_id}/members/{user_id}", UserView)


def remove_member(group_id: UUID, user_id: UUID) -> Call[UserView]:
    """Take a user out of a group."""
    return Call("DELETE", f"/v1/groups/{group_id}/members/{user_id}", UserView)
