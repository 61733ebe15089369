from __future__ import annotations

import re

from freezer.cmd.tables import Summary, Table, for_terminal, grid, plain, property_table

BACKUPS = Table(("name", "files", "size"), [("a", 1, "1 KiB"), ("new\nline", 1000, "2 MiB")])


def test_a_plain_table_is_aligned_with_numbers_to_the_right_and_one_line_a_row() -> None:
    assert plain(BACKUPS) == "name       files  size\na              1  1 KiB\nnew\\nline   1000  2 MiB\n"


def test_a_plain_table_never_cuts_a_long_cell() -> None:
    assert "x" * 500 in plain(Table(("path", "n"), [("x" * 500, 1)]))


def test_a_table_without_rows_says_so() -> None:
    assert plain(Table(("a",), [], "no backups yet")) == "no backups yet\n"
    assert for_terminal(Table(("a",), []), 80, colour=True) == "nothing found\n"


def test_a_summary_aligns_its_values() -> None:
    summary = Summary({"level": 0, "stored in all": "1 KiB\x1b[2J", "note": None})
    assert plain(summary) == "level:         0\nstored in all: 1 KiB\\x1b[2J\nnote:\n"
    assert plain(Summary({"a": 1}, "Backup")) == "Backup\n  a: 1\n"


def test_a_terminal_table_is_folded_to_its_width_and_loses_nothing() -> None:
    text = for_terminal(Table(("path", "n"), [("x" * 100, 1)]), 40, colour=False)
    assert max(map(len, text.splitlines())) <= 40
    assert text.count("x") == 100


def test_a_terminal_table_takes_names_for_text_and_not_for_markup() -> None:
    text = for_terminal(Table(("name",), [("[bold]x[/bold] :smile: \x1b[2J",)]), 80, colour=True)
    assert "[bold]x[/bold] :smile: \\x1b[2J" in text


def test_colours_are_left_out_when_not_wanted() -> None:
    assert "\x1b" in for_terminal(BACKUPS, 80, colour=True)
    assert "\x1b" not in for_terminal(BACKUPS, 80, colour=False)


def test_the_property_table_is_the_original_s() -> None:
    # drawn by PrettyTable 3 from the same rows
    assert property_table({"curr_backup_level": 0, "mode": "fs", "os": "linux", "empty": ""}) == (
        "+-------------------+-------+\n"
        "|      Property     | Value |\n"
        "+-------------------+-------+\n"
        "| curr backup level |   0   |\n"
        "|        mode       |   fs  |\n"
        "|         os        | linux |\n"
        "|       empty       |       |\n"
        "+-------------------+-------+\n"
    )


def test_a_grid_without_rows_has_its_heading() -> None:
    assert grid(("a", "b"), []) == "+---+---+\n| a | b |\n+---+---+\n+---+---+\n"


def test_every_line_of_a_grid_is_of_one_width() -> None:
    text = grid(("Container", "Size"), [("x" * n, n) for n in range(20)])
    assert len({len(line) for line in text.splitlines()}) == 1
    assert re.search(r"^\| x{19}", text, re.MULTILINE)
