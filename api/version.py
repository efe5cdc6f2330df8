"""Which version this is."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version


def version() -> str:
    """The version of the installed package; `0` from the source tree."""
    try:
        return installed_version("groundwork")
    except PackageNotFoundError:
        return "0"
