"""``freezer-manage user`` and ``token``: files are changed an entry at a time, and every server notices at once."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from freezer.api.auth.editing import Files, add, disable
from freezer.api.auth.users import User, read_passwords, read_users
from freezer.clock import SystemClock
from freezer.cmd.manage.program import main
from freezer.secret import Secret
from freezer.testing.clock import FakeClock
from support.api import fresh_database, serving
from support.runs import Run
from support.wsgi import Answer, InProcess

_WRITTEN_BY_HAND = """
# Who may work here
[users.keeper]   # the house's own
project = "house"
roles = ["admin"]
"""

Manage = Callable[..., Run]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path / "htpasswd"), str(tmp_path / "users.toml"))


@pytest.fixture
def manage(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Manage:
    config = tmp_path / "freezer-api.conf"
    config.write_text(
        f"[http_basic]\npasswords = {files.passwords}\nusers = {files.users}\ntoken_key = {tmp_path}/key\n"
    )
    monkeypatch.setattr("freezer.api.auth.editing._COST", 4)

    def run(*words: str, password: str = "") -> Run:
        monkeypatch.setattr("sys.stdin", io.StringIO(password))
        capfd.readouterr()
        code = main(["--config-file", str(config), *words])
        captured = capfd.readouterr()
        return Run(code, captured.out, captured.err)

    return run


def _api(tmp_path: Path, files: Files, clock: FakeClock | None = None) -> InProcess:
    return serving(
        tmp_path,
        clock,
        auth="basic",
        database=fresh_database(tmp_path),
        passwords=files.passwords,
        users=files.users,
        token_key=str(tmp_path / "key"),
    )


def _jobs(api: InProcess, name: str, password: str) -> Answer:
    return api.send("GET", "/v2/house/jobs", Authorization=_basic(name, password))


def _basic(name: str, password: str) -> str:
    import base64

    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_a_user_is_let_in_changed_and_shut_out(manage: Manage, files: Files, tmp_path: Path) -> None:
    assert manage("user", "add", "alice", "--project", "house", password="first\n").code == 0
    assert manage("user", "add", "bob", "--project", "house", "--role", "reader", password="b\n").code == 0
    api = _api(tmp_path, files)
    assert _jobs(api, "alice", "first").status == 200
    assert api.send("POST", "/v2/house/sessions", {"schedule": {}}, Authorization=_basic("bob", "b")).status == 403
    assert manage("user", "passwd", "alice", password="second\n").code == 0
    assert _jobs(api, "alice", "first").status == 401
    assert _jobs(api, "alice", "second").status == 200
    assert manage("user", "disable", "alice").code == 0
    assert _jobs(api, "alice", "second").status == 401
    assert _jobs(api, "bob", "b").status == 200
    assert manage("user", "list").out == "alice\thouse\tmember,reader\tdisabled\nbob\thouse\treader\tenabled\n"
    assert manage("user", "enable", "alice").code == 0
    assert _jobs(api, "alice", "second").status == 200


def test_what_was_written_by_hand_stays(manage: Manage, files: Files) -> None:
    Path(files.users).write_text(_WRITTEN_BY_HAND)
    Path(files.users).chmod(0o640)
    Path(files.passwords).write_text("# made with htpasswd\nkeeper:$2y$05$" + "a" * 53 + "\n")
    assert manage("user", "add", "alice", password="secret\n").code == 0
    assert manage("user", "disable", "alice").code == 0
    assert Path(files.users).read_text().startswith(_WRITTEN_BY_HAND)
    assert Path(files.passwords).read_text().startswith("# made with htpasswd\nkeeper:$2y$05$")
    assert os.stat(files.users).st_mode & 0o777 == 0o640
    assert read_users(files.users)["alice"] == User("default", disabled=True)


def test_new_files_are_for_their_owner_alone(manage: Manage, files: Files) -> None:
    assert manage("user", "add", "alice", password="secret\n").code == 0
    assert {os.stat(path).st_mode & 0o777 for path in (files.passwords, files.users)} == {0o600}


def test_a_lost_machine_is_shut_out_by_one_command_on_every_server(
    manage: Manage, files: Files, tmp_path: Path
) -> None:
    manage("user", "add", "node-7", "--project", "house", password="secret\n")
    made = [manage("token", "create", "node-7", "--hours", "1000") for _ in range(2)]
    tokens = [each.out.strip() for each in made]
    assert made[0].code == 0
    assert tokens[0] not in made[0].err
    # Two processes with the same key take what a third one has signed.
    servers = [_api(tmp_path, files), _api(tmp_path, files)]

    def statuses() -> list[int]:
        return [api.send("GET", "/v2/house/jobs", X_Auth_Token=each).status for api in servers for each in tokens]

    assert statuses() == [200] * 4
    id = made[0].err.split("token ")[1].split()[0]
    assert manage("token", "revoke", "node-7", id).code == 0
    assert statuses() == [401, 200] * 2
    assert manage("token", "revoke", "node-7").code == 0
    assert statuses() == [401] * 4
    assert _jobs(servers[0], "node-7", "secret").status == 200


def test_tokens_that_were_given_after_others_were_ended_are_taken(manage: Manage, files: Files, tmp_path: Path) -> None:
    manage("user", "add", "alice", "--project", "house", password="secret\n")
    manage("token", "revoke", "alice")
    # A second has passed since.
    api = _api(tmp_path, files, FakeClock(SystemClock().now() + 5))
    user = {"name": "alice", "password": "secret", "domain": {"id": "default"}}
    login = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    token = api.send("POST", "/identity/v3/auth/tokens", login).headers["x-subject-token"]
    assert api.send("GET", "/v2/house/jobs", X_Auth_Token=token).status == 200


def test_passwords_are_not_taken_from_afar_without_tls(manage: Manage, files: Files, tmp_path: Path) -> None:
    manage("user", "add", "alice", "--project", "house", password="secret\n")
    token = manage("token", "create", "alice").out.strip()
    api = _api(tmp_path, files)
    api.address = "192.0.2.7"
    refused = _jobs(api, "alice", "secret")
    assert refused.status == 401
    assert "over TLS only" in refused.json()["error"]["message"]
    user = {"name": "alice", "password": "secret", "domain": {"id": "default"}}
    login = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    assert api.send("POST", "/identity/v3/auth/tokens", login).status == 401
    assert api.send("GET", "/v2/house/jobs", X_Auth_Token=token).status == 200
    proxied = serving(
        tmp_path,
        auth="basic",
        behind_proxy=True,
        passwords=files.passwords,
        users=files.users,
        token_key=str(tmp_path / "key"),
    )
    proxied.address = "192.0.2.7"
    assert _jobs(proxied, "alice", "secret").status == 200


def test_many_at_once_lose_nobodys_entry(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freezer.api.auth.editing._COST", 4)
    names = [f"user{number}" for number in range(12)]

    def make(name: str) -> None:
        add(files, name, User("house"), lambda: Secret.from_text("p"))
        disable(files, name, disabled=True)

    threads = [threading.Thread(target=make, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_passwords(files.passwords)) == sorted(names)
    assert {name: user.disabled for name, user in read_users(files.users).items()} == dict.fromkeys(names, True)


@pytest.mark.parametrize(
    ("words", "password", "said"),
    [
        (["user", "add", "alice", "--role", "king"], "p", "role king is none of"),
        (["user", "add", "a:b"], "p", "is no name for a user"),
        (["user", "add", "#x"], "p", "is no name for a user"),
        (["user", "add", "alice"], "", "the password is empty"),
        (["user", "add", "alice"], "x" * 73, "at most 72 bytes"),
        (["user", "add", "keeper"], "p", "there is a user keeper already"),
        (["user", "passwd", "nobody"], "p", "has no user nobody"),
        (["user", "disable", "nobody"], "", "has no user nobody"),
        (["token", "create", "nobody"], "", "there is no user nobody"),
        (["token", "create", "keeper", "--hours", "0"], "", "--hours takes a number from 1"),
        (["token", "revoke", "nobody"], "", "has no user nobody"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    manage: Manage, files: Files, words: list[str], password: str, said: str
) -> None:
    Path(files.users).write_text(_WRITTEN_BY_HAND)
    Path(files.passwords).write_text("keeper:$2y$05$" + "a" * 53 + "\n")
    refused = manage(*words, password=password)
    assert refused.code == 2
    assert said in refused.err
    assert Path(files.users).read_text() == _WRITTEN_BY_HAND
    assert Path(files.passwords).read_text() == "keeper:$2y$05$" + "a" * 53 + "\n"


def test_a_file_that_is_wrong_already_is_not_written_over(manage: Manage, files: Files) -> None:
    Path(files.users).write_text("[users")
    refused = manage("user", "add", "alice", password="p\n")
    assert refused.code == 2
    assert "users.toml" in refused.err
    assert Path(files.users).read_text() == "[users"
    Path(files.users).unlink()
    Path(files.passwords).write_text("alice:plain\n")
    refused = manage("user", "add", "bob", password="p\n")
    assert "line 1 is no entry with a bcrypt hash" in refused.err
    assert Path(files.passwords).read_text() == "alice:plain\n"
