"""``list`` shows the backups of the host and the name that were asked for, however many ``_`` those have."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def similar(agent):
    """``c`` of host ``a_b``, ``c`` of host ``a``, and ``b_c`` of host ``a``, which shares a set with the first."""
    for host, name in (("a_b", "c"), ("a", "c"), ("a", "b_c")):
        words = ["--storage", "local", "-C", agent.container, "-N", name, "--hostname", host]
        assert agent.call("backup", "-F", agent.source, *words).code == 0

    def rows(*words, action="list"):
        return agent.call(action, "-C", agent.container, "--storage", "local", "--json", *words).json

    return agent, rows


def _pairs(rows):
    return sorted((row["hostname"], row["backup_name"]) for row in rows)


def test_a_host_is_told_by_the_record_and_not_by_the_beginning_of_the_set_s_name(similar):
    _, rows = similar
    assert _pairs(rows("--hostname", "a_b")) == [("a_b", "c")]
    assert _pairs(rows("--hostname", "a")) == [("a", "b_c"), ("a", "c")]
    assert rows("--hostname", "h") == []


def test_a_name_is_told_by_the_record_and_not_by_the_end_of_the_set_s_name(similar):
    _, rows = similar
    assert _pairs(rows("-N", "c")) == [("a", "c"), ("a_b", "c")]
    assert _pairs(rows("-N", "b_c", "--hostname", "a")) == [("a", "b_c")]
    assert _pairs(rows("-N", "c", "--hostname", "a", "--all-hosts")) == [("a", "c"), ("a_b", "c")]


def test_check_looks_at_the_same_backups(similar):
    _, rows = similar
    assert rows("--hostname", "a", action="check")["checked"] == 2


def test_backups_of_other_programs_belong_to_every_host_that_their_name_fits(similar):
    agent, rows = similar
    for record in agent.container.glob("metadata/tar/*/*/*/metadata"):
        document = json.loads(record.read_bytes())
        del document["freezer"]
        record.write_text(json.dumps(document) + "\n")
    assert len(rows("--hostname", "a")) == 3
    assert len(rows("--hostname", "a_b")) == 2
    assert len(rows("-N", "b_c", "--hostname", "a")) == 2


def test_a_broken_backup_is_taken_for_one_of_its_set(similar):
    agent, rows = similar
    for data in agent.container.glob("data/tar/a_c/*/*/data"):
        data.unlink()
    (row,) = [row for row in rows("--hostname", "a") if row["problem"]]
    assert row["name"] == "a_c"
