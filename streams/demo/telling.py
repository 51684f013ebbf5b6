"""How the story reaches the reader: a screen redrawn in place, or lines one after the other where nothing can be redrawn."""

from collections.abc import Callable
from typing import TextIO

from detectors.window import DAY
from reporting.view.screen import Screen
from streams.demo.screen import Progress, daily, frame, header, row
from streams.demo.story import Story

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
BETWEEN_FRAMES_S = 0.1


class Redrawn:
    """Draws frames over each other; `size` gives the screen and its rows, which may change while it runs."""

    def __init__(self, out: TextIO, size: Callable[[], tuple[Screen, int]], clock: Callable[[], float]) -> None:
        self._out, self._size, self._clock = out, size, clock
        self._drawn = 0
        self._at = clock() - BETWEEN_FRAMES_S
        out.write(HIDE_CURSOR)

    def show(self, story: Story, progress: Progress) -> None:
        """Draw the story so far, unless the last frame is too fresh to be read."""
        if self._clock() - self._at >= BETWEEN_FRAMES_S:
            screen, rows = self._size()
            self._draw([*frame(story, progress, screen, rows - 2), screen.paint("Ctrl-C stops and cleans up.", "dim")], rows)
            self._at = self._clock()

    def end(self, story: Story, progress: Progress) -> None:
        """Draw the whole story once more; it may scroll now."""
        self._draw(frame(story, progress, self._size()[0]), None)

    def close(self) -> None:
        """Give the cursor back."""
        self._out.write(SHOW_CURSOR)
        self._out.flush()

    def _draw(self, lines: list[str], rows: int | None) -> None:
        kept = lines if rows is None else lines[: rows - 1]  # what scrolled away cannot be drawn over
        # Line by line and the rest at the end: clearing it all first flickers, and some terminals keep what was cleared as history.
        top = f"\x1b[{self._drawn}F" if self._drawn else ""
        self._out.write(top + "".join(f"{line}\x1b[K\n" for line in kept) + "\x1b[J")
        self._out.flush()
        self._drawn = len(kept)


class Written:
    """Writes each entry when it is told, and a line a day in between."""

    def __init__(self, out: TextIO, screen: Screen) -> None:
        self._out, self._screen = out, screen
        self._told = 0
        self._day: int | None = None  # the last one there is a line about

    def show(self, story: Story, progress: Progress) -> None:
        """Write what is new."""
        lines = [*header(progress, self._screen), ""] if self._day is None else []
        new = sorted(story.entries[self._told :], key=lambda entry: entry.at)
        self._told = len(story.entries)
        lines += [row(entry, self._screen) for entry in new]
        if self._day is not None and progress.now >= self._day + DAY:
            lines.append(daily(story, progress, self._screen))
        self._day = progress.now // DAY * DAY
        self._out.writelines(f"{line}\n" for line in lines)
        self._out.flush()

    def end(self, story: Story, progress: Progress) -> None:
        """Write what is left."""
        self.show(story, progress)
        self._out.write("\n")

    def close(self) -> None:
        """Do nothing: lines leave nothing behind."""


Telling = Redrawn | Written
