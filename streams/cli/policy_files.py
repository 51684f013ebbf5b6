"""The policy files a config names, read beside it; where it names none, the policy that is shipped."""

from importlib.resources import files
from pathlib import Path

from governance.config import Config
from governance.policy import Policy, load_policies
from streams.cli.console import text_of

SHIPPED = "default.yaml"


def shipped_text() -> str:
    """Return the text of the policy that holds where a config names none."""
    return (files("governance.policy") / SHIPPED).read_text(encoding="utf-8")


def policies_of(config: Config, config_path: str | None) -> tuple[Policy, ...]:
    """Return the policies of a config; relative paths are from its own folder.

    Raises UsageProblem where a file cannot be read, ConfigError with line and path of every fault in one.
    """
    if not config.policies:
        return load_policies([(SHIPPED, shipped_text())])
    folder = Path() if config_path in (None, "-") else Path(str(config_path)).parent
    named = [str(folder / name) for name in config.policies]
    return load_policies([(path, text_of(path)) for path in named])
