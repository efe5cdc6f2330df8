"""How a command ends: the exit codes that scripts may rely on, and the one line that an error prints."""

from enum import IntEnum


class ExitCode(IntEnum):
    """0 is success; 130 and 143 are an interrupt and a request to stop, as everywhere on Unix."""

    SOME_FAILED = 1
    """The command did its work, but some documents could not be ingested; the report names them."""
    BAD_INPUT = 2
    """What was asked for cannot be done: a wrong option, a missing path, an unknown corpus."""
    DATABASE_DOWN = 3
    """PostgreSQL cannot be reached, or went away."""
    INTERNAL = 70
    """A mistake of ours; what it prints helps us to mend it."""


class CommandError(Exception):
    """What was asked for on the command line cannot be done; the message says what to do instead."""


def exit_code_of(error: Exception) -> ExitCode:
    """The exit code for an error that ended a command."""
    from api.settings import SettingsError
    from ingest.errors import IngestError
    from rag.errors import RagError
    from store.errors import DatabaseUnavailableError, StoreError

    if isinstance(error, DatabaseUnavailableError):
        return ExitCode.DATABASE_DOWN
    if isinstance(error, CommandError | SettingsError | StoreError | IngestError | RagError | OSError):
        return ExitCode.BAD_INPUT
    return ExitCode.INTERNAL


def error_line(error: Exception) -> str:
    """The line that tells of an error."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}. Check the path, its permissions and the space on the disk."
    return " ".join(str(error).split("\n"))
