"""Progress while the work runs: a bar on a terminal, a line now and then elsewhere, JSON lines for programs.

JSON lines (``event`` ``progress``, one a second and one at the end of each phase) hold ``phase``, ``done_bytes``,
``total_bytes``, ``done_items``, ``total_items``, ``current``, ``seconds`` (since the phase began),
``bytes_per_second``, ``seconds_left`` and ``finished``. What is not known is null.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from freezer.clock import Clock
from freezer.cmd.meter import Meter, Reading, figures, shortened
from freezer.cmd.output import Form, Output, is_terminal
from freezer.progress import NoProgress, Progress

if TYPE_CHECKING:
    from rich.progress import BarColumn, TaskID
    from rich.progress import Progress as RichProgress

BAR_WIDTHS = ((60, 20), (30, 10), (0, 5))  # columns that a terminal has at least, and how long the bar is then
ITEM_WIDTH = 10, 40  # characters shown of the current item: not at all below the first, at most the second


@contextlib.contextmanager
def progress_on(output: Output, clock: Clock) -> Iterator[Progress]:
    """The progress that suits ``output``, shown until the context ends."""
    if output.quiet or output.form is Form.METADATA:
        yield NoProgress()
    elif output.form is Form.JSON:
        with JsonProgress(output, clock) as json_lines:
            yield json_lines
    elif output.stderr is not None and is_terminal(output.stderr):
        with TerminalProgress(output.stderr, clock) as bar, output.above(bar.write_above):
            yield bar
    else:
        with LineProgress(output, clock) as lines:
            yield lines


class JsonProgress(Meter):
    """One JSON line a second on stderr."""

    def __init__(self, output: Output, clock: Clock) -> None:
        super().__init__(clock)
        self._output = output

    def show(self, reading: Reading, *, finished: bool) -> None:
        fields = {
            "phase": reading.phase,
            "done_bytes": reading.done_bytes,
            "total_bytes": reading.total_bytes,
            "done_items": reading.done_items,
            "total_items": reading.total_items,
            "current": reading.current,
            "seconds": round(reading.seconds, 3),
            "bytes_per_second": None if reading.rate is None else round(reading.rate),
            "seconds_left": None if reading.left is None else round(reading.left),
            "finished": finished,
        }
        self._output.event("progress", fields)


class LineProgress(Meter):
    """One line every half minute on a stderr that is no terminal; short work is silent."""

    interval = 30.0

    def __init__(self, output: Output, clock: Clock) -> None:
        super().__init__(clock)
        self._output = output

    def show(self, reading: Reading, *, finished: bool) -> None:
        if not finished:
            self._output.line(f"{self._output.program}: {reading.phase}: {figures(reading)}")


class TerminalProgress(Meter):
    """A live bar, redrawn ten times a second, gone when the work is over."""

    interval = 0.1

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        super().__init__(clock)
        self._stream = stream
        self._bar: RichProgress | None = None
        self._column: BarColumn
        self._task: TaskID | None = None

    def show(self, reading: Reading, *, finished: bool) -> None:
        if finished:
            if self._bar is not None and self._task is not None:
                self._bar.remove_task(self._task)
                self._task = None
            return
        if self._bar is None:
            self._bar, self._column = _rich_bar(self._stream)
        width = self._bar.console.width
        self._column.bar_width = next(length for columns, length in BAR_WIDTHS if width >= columns)
        room = width - len(reading.phase) - self._column.bar_width - 2
        numbers = figures(reading, room)
        room -= len(numbers) + 1
        if self._task is None:
            self._task = self._bar.add_task("", visible=False, figures="", item="")
        self._bar.update(
            self._task,
            description=reading.phase,
            total=None if reading.share is None else 1.0,
            completed=reading.share or 0.0,
            figures=numbers,
            item=shortened(reading.current, min(room, ITEM_WIDTH[1])) if room >= ITEM_WIDTH[0] else "",
            visible=True,
        )
        # nothing is drawn before there is something to draw
        self._bar.start()
        self._bar.refresh()

    def write_above(self, line: str) -> None:
        """Put ``line`` where it stays, above the bar."""
        with self._lock:
            if self._bar is None:
                self._stream.write(line + "\n")
                self._stream.flush()
            else:
                from rich.text import Text

                self._bar.console.print(Text.from_ansi(line), soft_wrap=True)

    def close(self) -> None:
        super().close()
        if self._bar is not None:
            with contextlib.suppress(OSError, ValueError):
                self._bar.stop()


def _rich_bar(stream: TextIO) -> tuple[RichProgress, BarColumn]:
    """A progress display, and its bar, whose length is ours to choose."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    def column(template: str) -> TextColumn:
        return TextColumn(template, markup=False)

    bar = BarColumn()
    progress = Progress(
        column("{task.description}"),
        bar,
        column("{task.fields[figures]}"),
        column("{task.fields[item]}"),
        console=Console(file=stream, highlight=False, emoji=False),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    return progress, bar
