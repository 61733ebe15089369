"""Tables, JSON, YAML, CSV, values and shell variables."""

from __future__ import annotations

import json
import subprocess

import pytest

from freezer.cli.command import Listing, Record
from freezer.cmd.formats.choose import Choice
from freezer.cmd.formats.write import formatted
from freezer.errors import UsageError

ROWS = [("b", 10, None, {"x": [1]}), ("a", 9, "", {}), ("ü 漢字", 100, "two\nlines", [])]
LISTING = Listing(("Name", "# Jobs", "Session ID", "Actions"), ROWS, [])
RECORD = Record({"Job ID": "1", "# Actions": 2, "Actions": [{"mode": "fs"}], "Event": ""}, {})


def test_a_list_is_a_table_with_numbers_to_the_right() -> None:
    assert formatted(LISTING, Choice(), None) == (
        "+--------+--------+------------+----------+\n"
        "| Name   | # Jobs | Session ID | Actions  |\n"
        "+--------+--------+------------+----------+\n"
        "| b      |     10 |            | {        |\n"
        '|        |        |            |   "x": [ |\n'
        "|        |        |            |     1    |\n"
        "|        |        |            |   ]      |\n"
        "|        |        |            | }        |\n"
        "| a      |      9 |            |          |\n"
        "| ü 漢字 |    100 | two        |          |\n"
        "|        |        | lines      |          |\n"
        "+--------+--------+------------+----------+\n"
    )


def test_an_object_is_a_table_of_its_fields() -> None:
    record = Record({"Job ID": "1", "# Actions": 2, "Event": ""}, {})
    assert formatted(record, Choice(), None) == (
        "+-----------+-------+\n"
        "| Field     | Value |\n"
        "+-----------+-------+\n"
        "| Job ID    | 1     |\n"
        "| # Actions | 2     |\n"
        "| Event     |       |\n"
        "+-----------+-------+\n"
    )


def test_an_empty_list_is_empty_in_every_format() -> None:
    empty = Listing(("A", "B"), [], [])
    shown = {name: formatted(empty, Choice(name), None) for name in ("table", "json", "yaml", "csv", "value")}
    assert shown == {"table": "\n", "json": "[]\n", "yaml": "[]\n", "csv": '"A","B"\n', "value": ""}
    assert formatted(empty, Choice(print_empty=True), None).count("\n") == 3


def test_programs_get_structures_as_they_are() -> None:
    assert json.loads(formatted(RECORD, Choice("json"), None)) == RECORD.pairs
    assert formatted(RECORD, Choice("json", indented=False), None).count("\n") == 1
    listed = json.loads(formatted(LISTING, Choice("json"), None))
    assert listed[0] == {"Name": "b", "# Jobs": 10, "Session ID": None, "Actions": {"x": [1]}}
    assert formatted(RECORD, Choice("yaml"), None).splitlines()[:3] == ["Job ID: '1'", "'# Actions': 2", "Actions:"]


def test_values_stand_alone() -> None:
    assert formatted(LISTING, Choice("value", columns=("name", "# jobs")), None) == "b 10\na 9\nü 漢字 100\n"
    assert formatted(RECORD, Choice("value", columns=("Job ID", "Actions")), None) == '1\n[{"mode": "fs"}]\n'


def test_csv_quotes_what_is_asked_for() -> None:
    rows = Listing(("A", "B"), [('say "x"', 1)], [])
    lines = {quote: formatted(rows, Choice("csv", quote=quote), None) for quote in ("all", "minimal", "nonnumeric")}
    assert lines == {
        "all": '"A","B"\n"say ""x""","1"\n',
        "minimal": 'A,B\n"say ""x""",1\n',
        "nonnumeric": '"A","B"\n"say ""x""",1\n',
    }


@pytest.mark.parametrize("text", ["plain", "$(touch /tmp/x)", "`id`", 'a"b', "back\\slash", "two\nlines", "$HOME", "!"])
def test_a_shell_reads_the_values_and_does_nothing_with_them(text: str) -> None:
    assigned = formatted(Record({"Current pid": text}, {}), Choice("shell", prefix="job_"), None)
    done = subprocess.run(["sh", "-c", f'{assigned}printf %s "$job_current_pid"'], capture_output=True, check=True)
    assert done.stdout.decode() == text


def test_lists_are_sorted_by_columns() -> None:
    def order(**chosen: object) -> str:
        return formatted(LISTING, Choice("value", columns=("Name",), **chosen), None)  # type: ignore[arg-type]

    assert order(sort=("# Jobs",)) == "a\nb\nü 漢字\n"
    assert order(sort=("# Jobs",), descending=True) == "ü 漢字\nb\na\n"
    assert order(sort=("Session ID", "Name")) == "a\nb\nü 漢字\n"


def test_a_column_that_is_not_there_is_an_error() -> None:
    for wrong in (Choice(columns=("Nmae",)), Choice(sort=("Nmae",))):
        with pytest.raises(UsageError, match="there is no column 'Nmae', only Name, # Jobs"):
            formatted(LISTING, wrong, None)


def test_a_table_fits_into_the_terminal() -> None:
    rows = Listing(("Id", "Description"), [("0123456789abcdef", "many words that stand " * 5)], [])
    lines = formatted(rows, Choice(), 60).splitlines()
    assert {len(line) for line in lines} == {60}
    text = " ".join(line.split("|")[2].strip() for line in lines if line.startswith("| "))
    assert " ".join(text.split()).count("many words that stand") == 5
    assert max(map(len, formatted(rows, Choice(width=40), 60).splitlines())) <= 40


def test_what_a_terminal_might_obey_is_escaped() -> None:
    assert "\x1b" not in formatted(Listing(("A",), [("\x1b[2J\x07",)], []), Choice(), None)
