"""How Alembic reaches the database: by the connection it is handed, else by RAG_DATABASE_URL."""

import os

from alembic import context
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.pool import NullPool

from store.tables import Base


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()


def run_offline(url: str) -> None:
    context.configure(url=url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def address() -> str:
    url = os.environ.get("RAG_DATABASE_URL")
    if not url:
        raise SystemExit(
            "RAG_DATABASE_URL is not set. Set it to postgresql://user:password@host/name, "
            "or run `rag migrate` for the embedded database."
        )
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


handed_over: Connection | None = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
elif context.is_offline_mode():
    run_offline(address())
else:
    with create_engine(address(), poolclass=NullPool).connect() as connection:
        run(connection)
