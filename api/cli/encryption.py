"""`rag encryption`."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.common import AsJson, DataDir, note, print_json, print_table, running
from api.cli.exits import CommandError

app = typer.Typer(help="Encryption of what was asked and answered.", no_args_is_help=True)


@app.command("new-key")
def new_key() -> None:
    """Print a new key; keep it safe, for without it the log cannot be read."""
    from api.secrets import new_secret

    print(new_secret())


@app.command("status")
def status(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show whether the log is encrypted, with which key, and how many rows are and are not."""
    from store import resealing

    with running(data_dir) as application, application.database.transaction() as session:
        sealer = application.database.sealer
        counts = resealing.counts(session)
    key_id = None if sealer is None else sealer.master.id
    if as_json:
        tables = {name: vars(count) for name, count in counts.items()}
        print_json({"on": sealer is not None, "key_id": key_id, "rows": tables})
        return
    print(f"The log is encrypted (key id {key_id})." if sealer else "The log is not encrypted.")
    print_table(["table", "encrypted", "plain"], [[name, c.sealed, c.plain] for name, c in counts.items()])


@app.command("encrypt")
def encrypt(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Encrypt the rows of the log that were written before there was a key."""
    from api.audit import by_command
    from store import resealing

    with running(data_dir) as application:
        if application.database.sealer is None:
            raise CommandError(
                "No encryption key is set. Make one with `rag encryption new-key`, keep it safe, and set it "
                "as RAG_ENCRYPTION_KEY or write it to the file that RAG_ENCRYPTION_KEY_FILE names."
            )
        done = resealing.seal_all(application.database)
        resealing.compact(application.database)
        with application.database.transaction() as session:
            by_command(session, "encryption.encrypt", "log", done)
    _tell(done, as_json=as_json)


@app.command("rotate")
def rotate(
    new_key_file: Annotated[
        Path | None, typer.Option("--new-key-file", metavar="FILE", help="File with the key to change to.")
    ] = None,
    data: Annotated[
        bool, typer.Option("--data", help="Also make new data keys, and encrypt all rows anew with them.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change the key: data keys are wrapped anew, rows stay as they are unless --data is given.

    Then set RAG_ENCRYPTION_KEY or RAG_ENCRYPTION_KEY_FILE to the new key, and start servers again.
    """
    from api.audit import by_command
    from api.encryption import key_in
    from store import resealing, sealing

    if new_key_file is None and not data:
        raise CommandError("There is nothing to change. Give --new-key-file FILE, or --data, or both.")
    new = None if new_key_file is None else key_in(new_key_file)
    done: dict[str, int] = {}
    with running(data_dir) as application:
        database = application.database
        sealer = database.sealer
        if sealer is None:
            raise CommandError("The log is not encrypted, so there is no key to change.")
        if new is not None:
            with database.transaction() as session:
                done["data_keys"] = sealing.rewrap(session, sealer.master, new)
                by_command(session, "encryption.rotate", new.id, {"from": sealer.master.id})
            sealer = database.seal_with(new)
            note("Now set RAG_ENCRYPTION_KEY or RAG_ENCRYPTION_KEY_FILE to the new key.")
        if data:
            sealer.renew()
            done |= resealing.seal_all(database, again=True)
            resealing.compact(database)
            with database.transaction() as session:
                by_command(session, "encryption.encrypt", "log", done)
    _tell(done, as_json=as_json)


def _tell(done: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    counts = (f"{count:,} {name.replace('_', ' ')}" for name, count in done.items())
    print(f"Encrypted: {', '.join(counts)}")
