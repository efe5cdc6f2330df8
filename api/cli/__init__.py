"""The command line: one file per subject; `main` puts them together and turns errors into exit codes."""

from api.cli.main import main

__all__ = ["main"]
