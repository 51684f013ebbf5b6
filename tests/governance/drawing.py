"""Draws the life of an incident into docs/lifecycle.md: `python -m tests.governance.drawing`."""

from pathlib import Path

from governance.lifecycle import drawing

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"
HEAD = """# The life of an incident

Drawn by `python -m tests.governance.drawing` from the table the monitor runs on (`governance/lifecycle.py`); a test fails where this page
differs from it.

Level 1 is the testing lead, 2 the personalization architect, 3 the data privacy lead; an incident about consent starts at 3 and tells
1 and 2. *Level up* stops at 3. While an incident is silenced nothing rises and nobody is asked; what happens is still published.
One that is still open when the silence ends asks once, a level up, at level 3 again.

"""


def page() -> str:
    """Return the page as it should be."""
    return HEAD + drawing()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
