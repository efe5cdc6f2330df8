"""`rag backup` and `rag restore`."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from api.cli.common import AsJson, DataDir, note, print_json, running


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist yet.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write all that matters into one file: the whole database, as it is at one instant.

    Servers and jobs may go on meanwhile. Indexes are not in it: they come back from the database. Neither are
    checkpoints of your own, whose names are, nor the keys of the settings.
    """
    from api.audit import by_command
    from api.version import version
    from store import backup as backups

    with running(data_dir) as application:
        settings = application.settings
        chosen = {"encoder": settings.encoder, "generator": settings.generator}
        manifest = backups.write(application.database, file, version(), chosen)
        with application.database.transaction() as session:
            by_command(session, "database.backup", str(file.resolve()), {"sha256": manifest.sha256})
    if as_json:
        print_json({"file": str(file), **asdict(manifest)})
    else:
        counts = ", ".join(f"{count:,} {name}" for name, count in manifest.rows.items())
        print(f"{file}: {manifest.size_bytes:,} bytes with {counts}")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `rag backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Drop what the database holds. Stop servers and jobs before.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Fill the database from a backup, after checking its hashes; all of it or nothing.

    The database has to be empty. Indexes are built again when they are next opened.
    """
    from api.audit import by_command
    from api.build import build, index_directory
    from api.logs import configure_logging
    from api.settings import load_settings
    from store import backup as backups
    from store.postgres import migrate, pending_migrations

    settings = load_settings(data_dir=data_dir)
    configure_logging(settings.log_level or "WARNING", settings.log_format)
    application = build(settings)
    try:
        manifest = backups.restore(application.database, file, replace=replace)
        shutil.rmtree(index_directory(settings), ignore_errors=True)
        pending = pending_migrations(application.database)
        if pending and settings.database_url is None:
            migrate(application.database)
            pending = False
        if not pending:
            with application.database.transaction() as session:
                by_command(session, "database.restore", str(file.resolve()), {"sha256": manifest.sha256})
    finally:
        application.close()
    if as_json:
        print_json({"file": str(file), "pending_migrations": pending, **asdict(manifest)})
        return
    counts = ", ".join(f"{count:,} {name}" for name, count in manifest.rows.items())
    print(f"Restored {counts}, as of {manifest.created_at}.")
    if pending:
        note("The tables are those of an older version: run `rag migrate` before anything else.")
