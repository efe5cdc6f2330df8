"""`rag vault` and `rag forget`."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.common import AsJson, DataDir, note, print_json, print_table, running, system_user
from api.cli.exits import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.schemas.privacy import ForgottenView

vault_app = typer.Typer(help="What the pseudonyms of anonymised corpora stand for.", no_args_is_help=True)


@vault_app.command("new-key")
def new_key() -> None:
    """Print a new key for the vault; keep it safe, for without it the vault cannot be opened."""
    from api.secrets import new_secret

    print(new_secret())


@vault_app.command("show")
def show(
    pseudonym: Annotated[str, typer.Argument(help="As it stands in a text, with or without brackets.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what a pseudonym stands for; that you asked is noted."""
    from api.audit import by_command
    from api.schemas.privacy import VaultEntryView
    from api.vault import needed_vault_key
    from store import vault
    from store.errors import UnknownPseudonymError

    written = pseudonym if pseudonym.startswith("[") else f"[{pseudonym}]"
    with running(data_dir) as application:
        key = needed_vault_key(application.settings, "The vault")
        with application.database.transaction() as session:
            entry = vault.open_entry(session, written, key, system_user())
            by_command(session, "vault.open", written, {"found": entry is not None})
    if entry is None:
        raise UnknownPseudonymError(written)
    if as_json:
        print_json(VaultEntryView.model_validate(entry))
    else:
        print(entry.value)


@vault_app.command("log")
def log(
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List who opened the vault, newest first."""
    from api.schemas.privacy import VaultOpeningsView, VaultOpeningView
    from store import vault

    with running(data_dir) as application, application.database.transaction() as session:
        found = vault.openings(session, limit=limit)
    if as_json:
        print_json(VaultOpeningsView(openings=[VaultOpeningView.model_validate(one) for one in found]))
    else:
        rows = [[one.opened_at, one.user, one.pseudonym, "yes" if one.found else "no"] for one in found]
        print_table(["opened", "user", "pseudonym", "known"], rows)


def forget(
    person: Annotated[
        list[str],
        typer.Argument(
            metavar="PERSON...", help="What names the person, each in quotes: names, addresses, numbers."
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be erased.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person from all documents and their versions, the indexes, the log and the vault, for good.

    Models that were trained on corpora that told of the person are listed: they cannot be made to forget.
    """
    from api.audit import by_command
    from api.forgetting import forget_person
    from api.schemas.privacy import ForgottenView

    with running(data_dir) as application:
        if not dry_run and not yes:
            trial = ForgottenView.of(forget_person(application, person, dry_run=True), dry_run=True)
            _print(trial, note)
            if not typer.confirm("Erase this for good?", err=True):
                raise CommandError("Nothing was erased.")
        if not dry_run:  # noted before, for it takes long and may be broken off in the middle
            with application.database.transaction() as session:
                by_command(session, "forget", "person", {"names": len(person)})
        view = ForgottenView.of(forget_person(application, person, dry_run=dry_run), dry_run=dry_run)
    if as_json:
        print_json(view)
    else:
        _print(view, print)
    if not dry_run:
        note("Files that you ingest again, and backups, still tell of the person: erase them there as well.")


def _print(view: "ForgottenView", tell: "Callable[[str], None]") -> None:
    tell("Would be erased:" if view.dry_run else "Erased:")
    where = f" of {', '.join(view.corpora)}" if view.corpora else ""
    tell(f"  documents{where}: {view.documents} ({view.versions} versions, {view.chunks} chunks)")
    for table, count in view.rows.items():
        tell(f"  {table.replace('_', ' ')}: {count}")
    tell(f"  vault entries: {view.vault_entries}")
    for model in view.models:
        tell(f"  not erased: the model {model.folder} was trained on {', '.join(model.corpora)}")
