"""A job file may describe its storage in a ``[storage:NAME]`` section, and then that is where backups are."""

from __future__ import annotations


def _job(agent, tmp_path, action, **values):
    lines = [f"[default]\naction = {action}\nbackup_name = web\nhostname = h\n"]
    lines += [f"{key} = {value}\n" for key, value in values.items()]
    lines += [f"storage = local\ncontainer = {tmp_path / 'main'}\n"]
    lines += [f"[storage:first]\nstorage = local\ncontainer = {agent.container}\n"]
    path = tmp_path / "job.ini"
    path.write_text("".join(lines))
    return agent.call("--config", path)


def test_backup_and_restore_use_the_section_and_not_the_main_options(agent, tmp_path):
    assert _job(agent, tmp_path, "backup", path_to_backup=agent.source).code == 0
    assert not (tmp_path / "main").exists()
    assert agent.levels() == [0]
    run = _job(agent, tmp_path, "restore", restore_abs_path=tmp_path / "out")
    assert run.code == 0, run.err
    assert (tmp_path / "out" / "one").read_text() == "first"


def test_info_and_admin_look_at_the_section_too(agent, tmp_path):
    agent.backup()
    info = _job(agent, tmp_path, "info", json=True)
    assert [row["container"] for row in info.json] == [str(agent.container)]
    assert {row["name"] for row in _job(agent, tmp_path, "info", json=True, list=True).json} == set(agent.objects())
    admin = _job(agent, tmp_path, "admin", json=True, keep_last=1)
    assert len(admin.json["keep"]) == 1
