"""The table against what 19.0.0 registers, recorded from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from freezer.errors import UsageError
from freezer.options.names import HELP, VERSION, Spelling, find_spelling, short_options, spellings
from freezer.options.spec import Kind
from freezer.options.table import BY_NAME, OPTIONS, RETIRED

UPSTREAM = json.loads((Path(__file__).parent / "upstream-19.0.0.json").read_text())
COMPUTED = {"action", "hostname", "log_file", "lvm_snapname", "lvm_dirmount", "dereference_symlink"}
OURS = {"max_priority": Kind.SWITCH, "snapshot": Kind.SWITCH}
LOG_FORMATS = {name for name in UPSTREAM["options"] if name.startswith("logging_") or name.endswith("_format")}


def meaning(found: Spelling | str) -> str:
    """``sync``, ``!sync``, ``help`` or ``version``."""
    return found[2:] if isinstance(found, str) else ("!" if found.negated else "") + found.option.name


def test_every_option_of_upstream_is_in_the_table_and_marked_so():
    ours = {option.name for option in OPTIONS if option.upstream and option.section == "DEFAULT"}
    assert ours - {"config_file", "config_dir"} == set(UPSTREAM["options"])


def test_names_and_letters_are_unique():
    assert len(BY_NAME) == len(OPTIONS)
    letters = [option.short for option in OPTIONS if option.short]
    assert sorted(set(letters)) == sorted(letters)


@pytest.mark.parametrize("name", sorted(UPSTREAM["options"]))
def test_defaults_are_upstreams(name):
    option, (kind, default, _) = BY_NAME[name], UPSTREAM["options"][name]
    if name in COMPUTED | LOG_FORMATS - {"log_date_format"} | {"default_log_levels"}:
        return
    if kind != "flag" and default in {"False", ""}:
        default = None
    ours = option.default
    if option.kind is Kind.FLAG:
        ours = None if ours is None else ours.capitalize()
    if option.kind is Kind.SWITCH:
        ours = None if ours == "false" else ours
    assert ours == default


@pytest.mark.parametrize("name", sorted(UPSTREAM["options"]))
def test_types_can_read_what_upstreams_types_read(name):
    kind = UPSTREAM["options"][name][0]
    texts = {Kind.TEXT, Kind.PATH, Kind.CHOICE, Kind.DATE, Kind.SECRET}
    readers = {
        "text": texts,
        "list": {Kind.TEXT},
        "integer": {Kind.INTEGER, Kind.SIZE, Kind.RATE},
        "number": {Kind.DAYS},
        "flag": {Kind.FLAG},
    }
    assert BY_NAME[name].kind in readers[kind] or BY_NAME[name].kind is OURS[name]


@pytest.mark.parametrize("name", [name for name, (_, _, choices) in UPSTREAM["options"].items() if choices])
def test_choices_include_upstreams(name):
    ours = {choice.lower() for choice in BY_NAME[name].choices}
    assert ours >= {choice.lower() for choice in UPSTREAM["options"][name][2] if choice}


def test_the_spellings_marked_as_upstreams_are_exactly_its_spellings():
    ours = {each.text: meaning(each) for each in spellings() if each.upstream}
    assert ours | {HELP: "help", VERSION: "version"} == UPSTREAM["long"]


def test_letters_are_upstreams_and_l():
    ours = {f"-{letter}": option.name for letter, option in short_options().items()} | {"-h": "help"}
    assert ours == UPSTREAM["short"] | {"-l": "list"}


def unambiguous_prefixes() -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for text, name in UPSTREAM["long"].items():
        for end in range(3, len(text) + 1):
            found.setdefault(text[:end], set()).add(name)
    exact = {text: {name} for text, name in UPSTREAM["long"].items()}
    return {prefix: next(iter(names)) for prefix, names in (found | exact).items() if len(names) == 1}


PREFIXES = unambiguous_prefixes()


def test_there_are_prefixes_to_keep():
    assert len(PREFIXES) > 700
    assert PREFIXES["--path"] == "path_to_backup"


@pytest.mark.parametrize("length", range(3, 34))
def test_every_prefix_that_was_unambiguous_keeps_its_meaning(length):
    chosen = {prefix: name for prefix, name in PREFIXES.items() if len(prefix) == length}
    assert {prefix: meaning(find_spelling(prefix)) for prefix in chosen} == chosen


def test_prefixes_of_our_own_options_work_where_they_are_unique():
    assert meaning(find_spelling("--read")) == "read_data"
    assert meaning(find_spelling("--keep-da")) == "keep_daily"
    assert meaning(find_spelling("--no-sam")) == "!same_owner"


def test_ambiguous_prefixes_name_the_candidates_in_one_line():
    with pytest.raises(UsageError) as caught:
        find_spelling("--ftp-")
    assert caught.value.message == (
        "--ftp- is ambiguous: it can mean --ftp-authority, --ftp-certfile, --ftp-host, --ftp-keyfile, --ftp-password, "
        "--ftp-port, --ftp-username"
    )


def test_every_option_is_found_by_each_of_its_names_on_the_command_line():
    for option in OPTIONS:
        names = {option.name, option.spelling[2:], *(alias.name for alias in option.aliases)}
        for name in names:
            for text in (f"--{name}", f"--{name.replace('_', '-')}", f"--{name.replace('-', '_')}"):
                assert meaning(find_spelling(text)) == option.name, text


def test_no_name_means_two_options_and_none_is_retired():
    owners: dict[str, str] = {}
    for option in OPTIONS:
        for name in {option.name, option.spelling[2:].replace("-", "_"), *(alias.name for alias in option.aliases)}:
            assert owners.setdefault(name, option.name) == option.name
    assert not set(owners) & set(RETIRED)


def test_what_runs_something_or_reaches_into_the_node_is_not_for_tenants():
    forbidden = {option.name for option in OPTIONS if option.executes or option.kind is Kind.PATH or option.secret}
    assert not [option.name for option in OPTIONS if option.tenant_may_set and option.name in forbidden]
    assert {"command", "pre_command", "post_command", "on_failure", "config", "mysql_conf"} <= {
        option.name for option in OPTIONS if option.executes
    }


def test_passwords_and_keys_are_secret():
    assert {option.name for option in OPTIONS if option.secret} == {"ssh_password", "ftp_password", "secret_key"}
