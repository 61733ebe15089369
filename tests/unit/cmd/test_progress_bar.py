from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.clock import SystemClock
from freezer.cmd.bar import JsonProgress, LineProgress, TerminalProgress, progress_on
from freezer.cmd.meter import Meter, Reading, figures, shortened
from freezer.cmd.output import Form, Output
from freezer.progress import NoProgress


class FakeClock:
    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def boottime(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Recorder(Meter):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.shown: list[tuple[Reading, bool]] = []

    def show(self, reading: Reading, *, finished: bool) -> None:
        self.shown.append((reading, finished))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return Terminal()


def test_counters_rate_and_time_left_add_up() -> None:
    clock = FakeClock()
    meter = Recorder(clock)
    meter.phase("store", total_bytes=1000, total_items=10)
    meter.current("a")
    for _ in range(4):
        meter.advance(done_bytes=100, done_items=1)
        clock.sleep(1)
    meter.tick()
    reading, finished = meter.shown[-1]
    assert not finished
    assert reading == Reading("store", 400, 1000, 4, 10, "a", 4.0, 100.0, 6.0)
    assert reading.share == 0.4


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock = FakeClock()
    meter = Recorder(clock)
    meter.phase("store")
    meter.advance(done_bytes=10**9)
    for _ in range(30):
        clock.sleep(1)
        meter.advance(done_bytes=100)
        meter.tick()
    rate = meter.shown[-1][0].rate
    assert rate is not None
    assert 90 <= rate <= 110


def test_items_tell_the_time_left_where_bytes_are_not_known() -> None:
    clock = FakeClock()
    meter = Recorder(clock)
    meter.phase("scan", total_items=100)
    meter.advance(done_items=25)
    clock.sleep(5)
    meter.tick()
    assert meter.shown[-1][0].left == 15.0
    assert meter.shown[-1][0].share == 0.25


def test_a_new_phase_finishes_the_last_one_and_counts_anew() -> None:
    meter = Recorder(FakeClock())
    meter.phase("scan")
    meter.advance(done_items=3)
    meter.phase("store")
    meter.close()
    assert [(reading.phase, reading.done_items, finished) for reading, finished in meter.shown] == [
        ("scan", 3, True),
        ("store", 0, True),
    ]


def test_nothing_is_shown_before_the_first_phase() -> None:
    meter = Recorder(FakeClock())
    meter.advance(done_bytes=5)
    meter.tick()
    meter.close()
    assert meter.shown == []


def test_more_than_announced_is_not_more_than_all() -> None:
    clock = FakeClock()
    meter = Recorder(clock)
    meter.phase("store", total_bytes=10)
    meter.advance(done_bytes=30)
    clock.sleep(1)
    meter.tick()
    assert meter.shown[-1][0].share == 1.0
    assert meter.shown[-1][0].left == 0.0


@pytest.mark.stopwatch
def test_advancing_costs_less_than_half_a_microsecond() -> None:
    meter = Recorder(FakeClock())
    best = min(_seconds_for(meter, 20_000) for _ in range(10)) / 20_000
    assert best < 0.5e-6 * 3  # slow machines


def _seconds_for(meter: Meter, calls: int) -> float:
    begun = time.perf_counter()
    for _ in range(calls):
        meter.advance(done_bytes=4096, done_items=1)
    return time.perf_counter() - begun


def test_figures_name_what_is_known_and_nothing_else() -> None:
    assert figures(Reading("p", 0, None, 0, None, "", 0, None, None)) == ""
    assert figures(Reading("p", 0, None, 1234, None, "", 1, 0.0, None)) == "1,234 items"
    assert (
        figures(Reading("p", 1 << 30, 2 << 30, 5, 10, "", 9, 100 << 20, 65.0))
        == "50%, 1.0 GiB of 2.0 GiB, 5 of 10 items, 100 MiB/s, 1:05 left"
    )


@given(st.text(max_size=80), st.integers(min_value=4, max_value=60))
def test_a_shortened_name_fits_and_cannot_move_the_cursor(name: str, width: int) -> None:
    text = shortened(name, width)
    assert len(text) <= width
    assert text.isprintable()


def test_a_shortened_name_keeps_both_ends() -> None:
    assert shortened("directory/sub/sub/file.txt", 16) == "direc…b/file.txt"
    assert shortened("short", 16) == "short"


def test_the_bar_shows_phase_figures_and_item_and_is_gone_afterwards(terminal: Terminal) -> None:
    clock = FakeClock()
    bar = TerminalProgress(terminal, clock)
    bar.phase("store", total_bytes=1000)
    bar.advance(done_bytes=250, done_items=2)
    bar.current("[bold]odd:smile: name\x1b[2J")
    clock.sleep(1)
    bar.tick()
    drawn = terminal.getvalue()
    assert "store" in drawn
    assert "25%, 250 B of 1000 B, 2 items, 250 B/s, 3.0 s left" in drawn
    assert "[bold]odd:smile: name\\x1b[2J" in drawn
    assert "\x1b[?25l" in drawn
    bar.write_above("freezer-agent: a notice")
    assert "freezer-agent: a notice\n" in terminal.getvalue()
    bar.close()
    assert terminal.getvalue().endswith(("\x1b[?25h", "\x1b[?25h\r"))


@pytest.mark.parametrize("columns", ["10", "40", "80"])
def test_the_bar_keeps_to_one_line_on_narrow_terminals(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    clock = FakeClock()
    bar = TerminalProgress(terminal, clock)
    bar.phase("store", total_bytes=10**9, total_items=100)
    bar.advance(done_bytes=10**6, done_items=2)
    bar.current("directory/" * 20)
    clock.sleep(1)
    bar.tick()
    assert "\n" not in terminal.getvalue()
    bar.close()


@pytest.mark.parametrize(("columns", "shown"), [("80", "0%, 977 KiB of 954 MiB"), ("40", "0%, 16:39 left")])
def test_a_narrow_terminal_gets_fewer_figures_but_whole_ones(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, columns: str, shown: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    clock = FakeClock()
    bar = TerminalProgress(terminal, clock)
    bar.phase("restore", total_bytes=10**9, total_items=100)
    bar.advance(done_bytes=10**6, done_items=2)
    clock.sleep(1)
    bar.tick()
    bar.close()
    drawn = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", terminal.getvalue())
    assert drawn.lstrip("\r").startswith("restore ━")
    assert shown in drawn
    assert "…" not in drawn


@given(st.integers(min_value=0, max_value=120))
def test_figures_keep_to_their_room_and_the_time_left_stays_longest(room: int) -> None:
    reading = Reading("p", 1 << 30, 2 << 30, 5, 10, "", 9, 100 << 20, 65.0)
    text = figures(reading, room)
    assert len(text) <= room
    assert ("1:05 left" in text) == (room >= len("50%, 1:05 left"))


def test_a_complete_phase_ends_at_exactly_its_totals() -> None:
    clock = FakeClock()
    meter = Recorder(clock)
    meter.phase("store", total_bytes=1000, total_items=10)
    meter.advance(done_bytes=900, done_items=7)
    clock.sleep(1)
    meter.complete()
    meter.phase("more", total_bytes=50)
    meter.advance(done_bytes=60)
    meter.tick()
    meter.close()
    store, more, _ = (reading for reading, _ in meter.shown)
    assert (store.done_bytes, store.done_items, store.share, store.left) == (1000, 10, 1.0, 0.0)
    assert (more.done_bytes, more.share) == (50, 1.0)
    assert [finished for _, finished in meter.shown] == [True, False, True]


def test_a_path_may_be_given_as_bytes() -> None:
    clock = FakeClock()
    meter = Recorder(clock)
    meter.phase("store")
    meter.current(b"a\xff\n")
    clock.sleep(1)
    meter.tick()
    assert meter.shown[-1][0].current == "a\\xff\\n"


def test_a_stage_that_is_over_before_the_first_look_draws_nothing(terminal: Terminal) -> None:
    with TerminalProgress(terminal, SystemClock()) as bar:
        bar.phase("store")
        bar.write_above("a notice")
    assert terminal.getvalue() == "a notice\n"


def test_a_terminal_that_goes_away_does_not_disturb_the_work() -> None:
    class Gone(Terminal):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    with TerminalProgress(Gone(), SystemClock()) as bar:
        bar.phase("store")
        time.sleep(0.25)
        bar.phase("more")
        bar.advance(done_bytes=1)


def test_json_lines_hold_the_documented_fields() -> None:
    clock = FakeClock()
    stderr = io.StringIO()
    lines = JsonProgress(Output(Form.JSON, stdout=io.StringIO(), stderr=stderr), clock)
    lines.phase("store", total_bytes=1000)
    lines.advance(done_bytes=500, done_items=1)
    lines.current("a\udcff")
    clock.sleep(2)
    lines.tick()
    lines.close()
    first, last = (json.loads(line) for line in stderr.getvalue().splitlines())
    assert first == {
        "event": "progress",
        "phase": "store",
        "done_bytes": 500,
        "total_bytes": 1000,
        "done_items": 1,
        "total_items": None,
        "current": "a\udcff",
        "seconds": 2.0,
        "bytes_per_second": 250,
        "seconds_left": 2,
        "finished": False,
    }
    assert last == first | {"finished": True}


def test_elsewhere_long_work_gets_a_line_now_and_then_and_short_work_none() -> None:
    clock = FakeClock()
    stderr = io.StringIO()
    lines = LineProgress(Output(stdout=io.StringIO(), stderr=stderr), clock)
    lines.phase("store")
    lines.advance(done_items=7)
    lines.close()
    assert stderr.getvalue() == ""
    lines.phase("store")
    lines.advance(done_items=7)
    lines.tick()
    assert stderr.getvalue() == "freezer-agent: store: 7 items\n"
    assert lines.interval == 30.0


def test_the_form_of_output_chooses_the_form_of_progress(terminal: Terminal) -> None:
    def chosen(form: Form, stderr: io.StringIO, *, quiet: bool = False) -> type:
        with progress_on(Output(form, quiet=quiet, stdout=io.StringIO(), stderr=stderr), SystemClock()) as progress:
            return type(progress)

    assert chosen(Form.HUMAN, terminal) is TerminalProgress
    assert chosen(Form.HUMAN, io.StringIO()) is LineProgress
    assert chosen(Form.JSON, terminal) is JsonProgress
    assert chosen(Form.METADATA, terminal) is NoProgress
    assert chosen(Form.HUMAN, terminal, quiet=True) is NoProgress
    assert not [thread for thread in threading.enumerate() if thread.name == "progress"]


def test_the_thread_shows_progress_by_itself_and_notices_stand_above(terminal: Terminal) -> None:
    out = Output(stdout=io.StringIO(), stderr=terminal)
    with progress_on(out, SystemClock()) as progress:
        progress.phase("store")
        progress.advance(done_items=3)
        time.sleep(0.4)
        out.notice("a notice")
    assert "3 items" in terminal.getvalue()
    assert "freezer-agent: a notice\n" in terminal.getvalue()


def test_rich_is_imported_only_when_a_bar_is_drawn() -> None:
    script = (
        "import sys, freezer.cmd.bar, freezer.cmd.exit; print([m for m in sys.modules if m.split('.')[0] == 'rich'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
