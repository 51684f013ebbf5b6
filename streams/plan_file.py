"""The plan as a file: what stood behind one report, for a third party to recompute it from. A view; the report holds the same."""

import re
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import orjson

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST = 80  # of an initiative's name in a file's
ABOUT = ("report_id", "title", "request", "period", "review")


def plan_name(report: Mapping[str, Any]) -> str:
    """Return `plan-<initiative>-<period end>.json`; a name that is no file's name gets a hash, so that no two plans meet.

    >>> plan_name({"initiative": "plg-onboarding", "period": {"to": "2026-11-22T14:32:00.000Z"}})
    'plan-plg-onboarding-20261122T143200Z.json'
    """
    initiative = str(report["initiative"])
    name = UNSAFE.sub("-", initiative)[:LONGEST].strip(".")
    if name != initiative:
        name = f"{name}-{sha256(initiative.encode()).hexdigest()[:8]}"
    end = re.sub(r"[-:]|\.\d+", "", str(report["period"]["to"]))
    return f"plan-{name}-{end}.json"


def write_plan(report: Mapping[str, Any], directory: Path) -> Path:
    """Write the plan of a report, whole or not at all; return where. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / plan_name(report)
    content = {name: report[name] for name in ABOUT} | dict(report["plan"])
    with NamedTemporaryFile(dir=directory, prefix=".plan-", delete=False) as file:
        written = Path(file.name)
        try:
            file.write(orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n")
        except BaseException:
            with suppress(OSError):
                written.unlink()
            raise
    written.chmod(0o644)
    return written.replace(path)
