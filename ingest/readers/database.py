"""The query of a database as an input: what it is known by, and how addresses are told from paths.

The reader is in `ingest.readers.sql`; whoever reads no databases imports nothing of it.
"""

import re
from dataclasses import dataclass, field

_ADDRESS = re.compile(r"[a-z][a-z0-9_]*(?:\+[a-z0-9_]+)?://", re.IGNORECASE)
_NO_DATABASES = ("file://", "http://", "https://", "ftp://", "s3://")


@dataclass(frozen=True)
class DatabaseQuery:
    """A query of a database; `url` may hold a password, and is never shown.

    `source` is what its rows are known by: the database, and a mark for the query; no user and no password.
    `name` is what documents without a title are called by.
    """

    url: str = field(repr=False)
    query: str
    source: str
    name: str


def is_database(path: str) -> bool:
    """Whether a path of an ingestion is the address of a database."""
    return bool(_ADDRESS.match(path)) and not path.lower().startswith(_NO_DATABASES)
