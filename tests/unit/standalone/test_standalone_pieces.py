"""What a home is made of, piece by piece."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.clock import SystemClock
from freezer.crypto.certificate import fingerprint, make_certificate
from freezer.errors import BusyError, DamagedError, FreezerError, PermanentError, UsageError
from freezer.http.pinned import fetch_certificate
from freezer.standalone import files, locks, ports, secrets, work
from freezer.standalone.home import Home, machine_name
from freezer.standalone.inviting import Invitation, read_token, write_token
from freezer.standalone.lives import MOST_FAILURES, Lives
from freezer.standalone.place import Place, options, read_place, settled
from freezer.standalone.repository import ready_repository
from freezer.standalone.sheet import FORMAT, Sheet, code, page
from freezer.standalone.status import age
from freezer.standalone.unit import write_unit
from freezer.tree.exclude import Exclusion
from support.standalone import PLAN


def test_a_file_is_replaced_whole_and_read_by_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write(str(path), "one")
    files.write(str(path), "two")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("two", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FreezerError, match=r"file/home cannot be made: Not a directory"):
        files.make_folder(str(tmp_path / "file" / "home"))


def test_a_lock_is_held_by_one_and_free_when_it_is_closed(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    assert locks.holder(path) is None
    lock = locks.take(path)
    assert lock is not None
    lock.note(4711)
    assert (locks.take(path), locks.holder(path)) == (None, 4711)
    lock.close()
    assert locks.holder(path) is None


def test_two_programs_do_not_change_one_home(tmp_path: Path) -> None:
    home = Home(str(tmp_path / "home"))
    with home.changing(), pytest.raises(BusyError, match="another program is at work in"), home.changing():
        raise AssertionError
    assert stat.S_IMODE(os.stat(home.path).st_mode) == 0o700


def test_a_plan_is_read_as_it_was_chosen_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    home = Home(str(tmp_path))
    assert home.plan() is None
    with pytest.raises(FreezerError, match="there is nothing in"):
        home.known_plan()
    home.choose(PLAN)
    assert home.known_plan() == PLAN
    (tmp_path / "plan.json").write_text('{"kind": "other"}')
    with pytest.raises(FreezerError, match=r"plan\.json: "):
        home.plan()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("/srv/b", Place("/srv/b")),
        ("ssh://nas/srv/b", Place("/srv/b", "nas")),
        ("ssh://me@nas:2222/srv/my%20b", Place("/srv/my b", "nas", 2222, "me")),
    ],
)
def test_places_are_directories_or_reached_by_ssh(text: str, place: Place) -> None:
    assert read_place(text) == place


def test_a_place_stays_the_same_wherever_it_is_named_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settled("b") == str(tmp_path / "b")
    assert settled("ssh://me@nas/b") == "ssh://me@nas/b"


@pytest.mark.parametrize(
    "text", ["ftp://nas/b", "ssh://nas", "ssh:///b", "ssh://me:word@nas/b", "ssh://nas:99999/b", "ssh://nas/"]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no place for backups"):
        read_place(text)


def test_an_agent_is_told_how_to_reach_a_place(tmp_path: Path) -> None:
    home = Home(str(tmp_path))
    assert options(Place("/b"), home) == {"storage": "local", "container": "/b"}
    told = options(Place("/b", "nas", 2222, "me"), home)
    assert (told["ssh_host"], told["ssh_port"], told["ssh_username"]) == ("nas", "2222", "me")


@given(st.lists(st.sampled_from([0.5, 59.0, 60.0, 4000.0]), max_size=20))
def test_a_service_is_given_up_after_five_short_lives_in_a_row_and_no_sooner(lives: list[float]) -> None:
    state, row = Lives(), 0
    for each in lives:
        state = state.after(each)
        row = 1 if each >= 60.0 else row + 1
        assert state.over == (row >= MOST_FAILURES)
        assert state.pause == 2.0 ** (row - 1)


def test_what_nobody_may_guess_is_long_and_never_the_same() -> None:
    made = {secrets.words(7) for _ in range(100)}
    assert len(made) == 100
    assert all(len(each.replace("-", "")) == 28 and not set(each) & set("0O1lI") for each in made)


def test_a_password_is_made_anew_until_somebody_was_told(tmp_path: Path) -> None:
    home = Home(str(tmp_path))
    first, second = secrets.ready_password(home), secrets.ready_password(home)
    assert first != second
    secrets.password_told(home)
    assert secrets.ready_password(home) is None
    third = secrets.ready_password(home, anew=True)
    assert third not in {None, first, second}
    kept = "".join(path.read_text() for path in tmp_path.iterdir())
    assert not any(each and each in kept for each in (first, second, third))


def test_a_join_token_carries_where_and_nothing_that_opens_a_backup(tmp_path: Path) -> None:
    invitation = Invitation("https://h:1/v2/default", "ab" * 32, "fze1.x.y")
    assert read_token(f" {write_token(invitation)}\n") == invitation
    assert Invitation.__struct_fields__ == ("url", "certificate", "token")


@pytest.mark.parametrize("text", ["", "fzj1.", "fzj1.AAAA", "fze1.x.y", "fzj1.é", "hello"])
def test_a_damaged_join_token_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="this is no join token"):
        read_token(text)


def test_the_code_on_the_sheet_is_the_code_of_place_and_passphrase() -> None:
    import segno

    sheet = Sheet("web1", Place("/srv/b"), "/srv/b", "aaaa-bbbb", 1_800_000_000.0)
    wanted = segno.make(f"{FORMAT}\n/srv/b\naaaa-bbbb\n", error="m", micro=False)
    dots = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    drawn: list[list[int]] = []
    for line in code(sheet):
        drawn += [[dots[each][half] for each in line] for half in (0, 1)]
    rows = [[int(bool(each)) for each in row] for row in wanted.matrix_iter(border=2)]
    assert drawn[: len(rows)] == rows
    text = page(sheet)
    assert all(word in text for word in ("web1", "/srv/b", "aaaa-bbbb", "2027-01-15"))
    assert max(map(len, text.splitlines())) <= 104


def test_the_first_job_leaves_the_home_out_whatever_it_is_called(tmp_path: Path) -> None:
    source = tmp_path / "so[u]rce"
    home = Home(str(source / "a*b" / "up"))
    job = work.backup_job(home, PLAN, Place("/b"), str(source))
    found = Exclusion(job["job_actions"][0]["freezer_action"]["exclude"])
    assert found.matches(b"a*b/up/api.db")
    assert not found.matches(b"other/a*b/up/api.db")
    assert not found.matches(b"axb/up/api.db")
    assert (
        "exclude"
        not in work.backup_job(home, PLAN, Place("/b"), str(tmp_path / "other"))["job_actions"][0]["freezer_action"]
    )


def test_jobs_have_the_same_id_whenever_they_are_made_and_another_for_another_directory() -> None:
    assert work.job_id(PLAN, "backup /a") == work.job_id(PLAN, "backup /a") != work.job_id(PLAN, "backup /b")


def test_backups_are_named_after_their_directory() -> None:
    assert [work.backup_name(each) for each in ("/home/me/my documents", "/", "/srv/-x")] == [
        "my-documents",
        "root",
        "x",
    ]


def test_the_machine_has_a_name_that_clients_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    from freezer.model.clients import read_client

    for name in ("vm", "a_b.example.org", "-x-", "", "é", "x" * 300, "a..b"):
        monkeypatch.setattr(socket, "gethostname", lambda name=name: name)
        assert read_client({"client_id": machine_name(), "hostname": machine_name()}).client_id == machine_name()


def test_a_port_that_is_taken_is_not_chosen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert ports.answers("127.0.0.1", port)
        with pytest.raises(FreezerError, match=f"port {port} is taken by another program"):
            ports.choose("127.0.0.1", port)
        assert ports.choose("127.0.0.1", None) != port
    assert ports.choose("127.0.0.1", port) == port


def test_lengths_of_time_have_one_unit() -> None:
    assert [age(each) for each in (-1, 5, 119, 120, 7200, 200_000)] == ["0 s", "5 s", "119 s", "2 min", "2 h", "2 days"]


@pytest.fixture
def server(tmp_path: Path) -> tuple[int, str]:
    """A server by TLS on this machine that takes connections for as long as the test lasts; its certificate."""
    made = make_certificate(["localhost", "127.0.0.1"], SystemClock().now())
    (tmp_path / "pair.pem").write_text(made.key + made.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
                with context.wrap_socket(connection, server_side=True) as wrapped:
                    wrapped.recv(1)
            except OSError:
                continue

    threading.Thread(target=serve, daemon=True).start()
    return int(listening.getsockname()[1]), made.certificate


def test_a_server_is_known_by_its_certificate(server: tuple[int, str], tmp_path: Path) -> None:
    port, certificate = server
    found = fetch_certificate("127.0.0.1", port, fingerprint(certificate), 10)
    (tmp_path / "trusted.pem").write_text(found)
    context = ssl.create_default_context(cafile=str(tmp_path / "trusted.pem"))
    with socket.create_connection(("127.0.0.1", port)) as plain:
        context.wrap_socket(plain, server_hostname="localhost").close()
    with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(("127.0.0.1", port)) as plain:
        context.wrap_socket(plain, server_hostname="elsewhere.example.org")


def test_a_server_with_another_certificate_is_not_spoken_to(server: tuple[int, str]) -> None:
    with pytest.raises(PermanentError, match="is not the one that the token is for"):
        fetch_certificate("127.0.0.1", server[0], "00" * 32, 10)


def test_what_is_no_certificate_has_no_fingerprint() -> None:
    for text in ("", "hello", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----"):
        with pytest.raises(DamagedError):
            fingerprint(text)


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("machine limit: there is no systemd-analyze")
    home = Home(str(tmp_path / "a home % with $odd names"))
    with home.changing():
        unit = write_unit(home)
    (tmp_path / "systemd").mkdir()
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    command = ["systemd-analyze", "verify", "--user", "--man=no", unit]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_repository_that_an_attempt_before_has_made_is_taken_and_a_strangers_is_not(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "stored"))
    first, second = Home(str(tmp_path / "one")), Home(str(tmp_path / "two"))
    for home in (first, second):
        with home.changing():
            secrets.ready_passphrase(home)
    ready_repository(first, place)
    os.unlink(first.at("repository.made"))
    ready_repository(first, place)
    with pytest.raises(FreezerError, match="has a repository already"):
        ready_repository(second, place)
