"""Which version of pmon this is."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """Return the installed version, `0` where pmon runs from a bare checkout."""
    try:
        return installed("personalization-monitor")
    except PackageNotFoundError:
        return "0"
