"""``freezer-manager-status upgrade check``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from freezer.cmd.status import main
from support.api import fresh_database

_FORM = "Policy File JSON to YAML Migration"
# What oslo.policy stands on uses modules that Python is about to remove.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def _check(
    config: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, tuple[str, str | None]]]:
    config.write_text(text)
    code = main(["--config-file", str(config), "--json", "upgrade", "check"])
    results = json.loads(capsys.readouterr().out)
    return code, {each["check"]: (each["result"], each["details"]) for each in results}


def _well(tmp_path: Path) -> str:
    return f"[api]\nauth = none\n[database]\nconnection = {fresh_database(tmp_path)}\n"


def test_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "api.conf"
    code, found = _check(config, _well(tmp_path), capsys)
    assert code == 0
    assert set(found.values()) == {("Success", None)}
    assert main(["--config-file", str(config), "upgrade", "check"]) == 0
    table = capsys.readouterr().out
    assert "| Upgrade Check Results " in table
    assert "| Check: Policy File JSON to YAML Migration |" in table
    assert "| Result: Success " in table
    assert len({len(line) for line in table.splitlines()}) == 1


@pytest.mark.parametrize(
    ("more", "code", "check", "result", "said"),
    [
        ("[DEFAULT]\ntransport_url = rabbit://x\n", 1, "Configuration", "Warning", "transport_url has no effect"),
        ("[api]\ncolour = red\n", 2, "Configuration", "Failure", "has no key colour"),
        ("[api]\nbind_host = 0.0.0.0\n", 2, "Authentication", "Failure", "does not listen on 0.0.0.0"),
        ("[oslo_policy]\npolicy_file = {folder}/policy.json\n", 2, _FORM, "Failure", "YAML"),
        ("[oslo_policy]\npolicy_file = {folder}/policy.yaml\n", 1, "Policy Rules", "Warning", "called jbos:get"),
        ("[database]\nconnection = sqlite:///{folder}/empty.db\n", 2, "Database", "Failure", "freezer-manage db sync"),
    ],
)  # fmt: skip
def test_what_must_be_done_first_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, code: int, check: str, result: str, said: str
) -> None:
    (tmp_path / "policy.json").write_text('{"jobs:get": "role:reader"}')
    (tmp_path / "policy.yaml").write_text('"jbos:get": "role:reader"\n"mine": "role:x"\n"jobs:get": "rule:mine"\n')
    ended, found = _check(tmp_path / "api.conf", _well(tmp_path) + more.format(folder=tmp_path), capsys)
    assert ended == code
    assert found[check][0] == result
    assert said in str(found[check][1])
