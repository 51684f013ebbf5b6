"""What is wrong in a config, where, and what would be right."""

from collections.abc import Sequence
from typing import NamedTuple

Path = tuple[str | int, ...]


class Problem(NamedTuple):
    """One fault: its path such as `initiatives.x.thresholds[0].op` (empty: the file itself), its line or None, and the message."""

    path: str
    line: int | None
    message: str


class ConfigError(ValueError):
    """A config that cannot be used; `problems` holds every fault found, in the order of the file."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = sorted(problems, key=lambda problem: problem.line or 0)
        super().__init__("\n".join(self._line(problem) for problem in self.problems))

    def _line(self, problem: Problem) -> str:
        place = self.source if problem.line is None else f"{self.source}:{problem.line}"
        return f"{place}: {problem.path}: {problem.message}" if problem.path else f"{place}: {problem.message}"


def written(path: Path) -> str:
    """Return a path as people read it.

    >>> written(("initiatives", "x", "thresholds", 0, "op"))
    'initiatives.x.thresholds[0].op'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
