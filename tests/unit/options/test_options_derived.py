"""What is derived from the table, compared with the table."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from freezer.options.commandline import parse
from freezer.options.document import parse_action
from freezer.options.help import action_help, overview
from freezer.options.ini import parse_ini
from freezer.options.oslo import list_opts
from freezer.options.reference import reference_markdown
from freezer.options.spec import ACTIONS, Kind
from freezer.options.table import GROUPS, OPTIONS, RETIRED

ROOT = Path(__file__).parents[3]
SAMPLE = {Kind.INTEGER: "7", Kind.SIZE: "7K", Kind.RATE: "7K", Kind.DAYS: "7", Kind.DATE: "2026-11-21"}


def sample(option) -> str:
    if option.choices:
        return option.choices[-1]
    return "true" if not option.takes_value else SAMPLE.get(option.kind, "x")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_option_means_the_same_on_the_command_line_in_ini_and_in_json(option):
    text = sample(option)
    typed = parse([f"{option.spelling}={text}"]).assignments
    assert [(each.option, each.text) for each in typed] == [(option, text)]
    if option.command_line_only:
        return
    key = option.name.replace("_", "-")
    for found in (parse_ini(f"[a]\n{key} = {text}\n", "f").assignments, parse_action({option.name: text}, "f")):
        assert [(each.option, each.text) for each in found] == [(option, text)]


def test_every_option_has_a_group_a_help_and_actions_that_exist():
    for option in OPTIONS:
        assert option.group in GROUPS
        assert option.help
        assert not option.help.endswith(".")
        assert set(option.actions) <= set(ACTIONS)
        assert set(option.unbuilt_choices) <= set(option.choices)


def test_the_overview_names_every_option_and_every_action():
    text = overview()
    assert not [
        each.name for each in OPTIONS if not each.config_only and each.spelling not in text.replace("[no-]", "")
    ]
    assert not [name for name in ACTIONS if f"  {name} " not in text]
    assert "Exit codes: 0 complete" in text


@pytest.mark.parametrize("action", ACTIONS)
def test_the_help_of_an_action_shows_its_options_and_no_others(action):
    shown = action_help(action).replace("[no-]", "").split("\n\n", 2)[2]
    words = set(shown.replace(",", " ").split())
    for option in OPTIONS:
        if option.name == "action" or option.config_only:
            continue
        assert (option.spelling in words) == option.belongs_to(action), option.name


def test_help_lines_fit_a_terminal():
    assert max(len(line) for line in overview().splitlines()) <= 120


@pytest.mark.stopwatch
def test_help_is_quick_and_imports_nothing_heavy():
    program = (
        "import sys, freezer.options as o;"
        "r = o.load(['--help'], program='x', environ={}, home='/', hostname='h');"
        "assert r.text;"
        "print(*[m for m in ('cryptography', 'oslo_config', 'rich', 'argparse', 'configparser', 'json')"
        " if m in sys.modules])"
    )
    begun = time.process_time(), sum(_child_times())
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
    assert sum(_child_times()) - begun[1] < 0.3


def _child_times() -> tuple[float, float]:
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime, usage.ru_stime


def test_oslo_options_have_the_tables_names_types_and_defaults():
    pytest.importorskip("oslo_config")
    listed = {(section, each.dest): each for section, options in list_opts() for each in options}
    for option in OPTIONS:
        if option.origin or option.command_line_only:
            continue
        name = option.name if option.section == "DEFAULT" else option.name.removeprefix(option.section + "_")
        found = listed.pop((option.section, name))
        assert found.help.startswith(option.help)
        assert found.secret == option.secret
        assert {each.name for each in found.deprecated_opts} >= {each.name for each in option.aliases}
        if option.default is not None:
            assert str(found.default).lower() == option.default.lower()
    assert listed == {}


def test_oslo_config_generator_names_every_option():
    pytest.importorskip("oslo_log")
    command = [sys.executable, "-m", "oslo_config.generator", "--namespace", "freezer", "--namespace", "oslo.log"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    named = {line.lstrip("#").split("=")[0].strip() for line in done.stdout.splitlines() if "=" in line}
    missing = [option.name for option in OPTIONS if option.section == "DEFAULT" and option.name not in named]
    # they have no place in a file; the last is oslo.config's own, in no namespace
    assert missing == ["config", "config_file", "config_dir", "shell_completion"]
    assert "[os_brick]" in done.stdout


def test_the_generated_sample_is_a_configuration_that_changes_nothing(agent, tmp_path):
    """What the committed generator file makes, every default uncommented, is read and means the defaults."""
    pytest.importorskip("oslo_log")
    sample = agent.home / "sample.conf"
    command = ["--config-file", str(ROOT / "config-generator" / "agent.conf"), "--output-file", str(sample)]
    subprocess.run([sys.executable, "-m", "oslo_config.generator", *command], check=True, cwd=tmp_path)
    lines = sample.read_text().splitlines()
    lines = [line[1:] if line.startswith("#") and line[1:2].isalpha() else line for line in lines]
    sample.write_text("\n".join(line for line in lines if not line.endswith("= <None>")))
    given = ["list", "--storage", "local"]
    plain, read = agent.understood(given), agent.understood([*given, "--config-file", str(sample)])
    different = {name for name, value in plain.settings.values.items() if read.settings.values[name] != value}
    texts_of_oslo_log = {name for name in different if name.startswith("logging_") or name.endswith("_format")}
    assert different - texts_of_oslo_log == {"config_file", "default_log_levels"}
    assert [notice for notice in read.notices if "fatal_deprecations" not in notice] == []  # oslo.log's own


def test_the_committed_reference_page_is_fresh():
    page = ROOT / "docs" / "reference" / "options.md"
    assert page.read_text(encoding="utf-8") == reference_markdown(), (
        "run: python -m freezer.options.reference docs/reference/options.md"
    )


def test_the_reference_names_every_option_older_name_and_retired_name():
    text = reference_markdown()
    for option in OPTIONS:
        shown = option.name.removeprefix(option.section + "_") if option.config_only else option.spelling[2:]
        assert shown in text
        assert all(f"`{alias.name}`" in text for alias in option.aliases)
    assert all(f"`{name}`" in text for name in RETIRED)
