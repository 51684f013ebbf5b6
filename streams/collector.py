"""How often Python looks for garbage that reference counting does not see."""

import gc

YOUNG, MIDDLE, OLD = 100_000, 20, 50  # objects made and kept; collections of the young before one of the middle, of those before one of all


def collect_rarely() -> None:
    """Let the collector come a hundred times less often than by default.

    A step makes tens of thousands of small lists that live until its commit and are in no cycle; by default the collector goes through
    them all again and again, a fifth of the time where everything is a violation. What is in cycles (tasks, exceptions) is little.
    """
    gc.set_threshold(YOUNG, MIDDLE, OLD)
