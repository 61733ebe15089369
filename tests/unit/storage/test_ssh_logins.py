"""Every way not to get in: one line, and what to do about it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import freezer.storage.ssh
from freezer.clock import SystemClock
from freezer.errors import FreezerError, PermanentError, PermissionDenied, TransientError
from freezer.secret import Secret
from freezer.storage.ssh import SshStorage
from servers.processes import free_ports
from servers.sshd import Sshd, running_sshd

ASKPASS = Path(freezer.storage.ssh.__file__).with_name("askpass.sh")
PASSWORD = "corr\u00e9ct 'h$rse\""


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def opened(sshd: Sshd, **changed: object) -> SshStorage:
    return SshStorage(sshd.server(**changed), str(sshd.folder), clock=SystemClock(), environment=sshd.environment())


def refusal(sshd: Sshd, **changed: object) -> FreezerError:
    storage = opened(sshd, **changed)
    with pytest.raises(FreezerError) as caught:
        storage.exists()
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def test_a_host_that_does_not_exist(sshd):
    error = refusal(sshd, host="no-such-host.invalid")
    assert "no-such-host.invalid" in error.message
    assert error.hint == "check --ssh-host and --ssh-port"


def test_a_port_where_nobody_listens(sshd):
    (port,) = free_ports(1)
    error = refusal(sshd, port=port)
    assert isinstance(error, PermanentError)
    assert f"port {port}: Connection refused" in error.message


def test_a_key_that_the_server_does_not_know(sshd, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    error = refusal(sshd, key=str(tmp_path / "other"))
    assert isinstance(error, PermissionDenied)
    assert error.message.endswith(f"may not log in with the key {tmp_path / 'other'}")
    assert "authorized_keys" in error.hint


def test_a_key_with_a_passphrase_that_no_agent_has(sshd, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", tmp_path / "locked"], check=True)
    error = refusal(sshd, key=str(tmp_path / "locked"))
    assert "ssh-add" in error.hint


def test_a_key_that_others_can_read(sshd, tmp_path):
    shutil.copy(sshd.key, tmp_path / "open")
    (tmp_path / "open").chmod(0o644)
    error = refusal(sshd, key=str(tmp_path / "open"))
    assert error.message.endswith(f"others can read the private key {tmp_path / 'open'}")
    assert error.hint == f"chmod 600 {tmp_path / 'open'}"


def test_a_file_that_is_no_key(sshd, tmp_path):
    (tmp_path / "text").write_text("no key\n")
    (tmp_path / "text").chmod(0o600)
    assert "is no private key" in refusal(sshd, key=str(tmp_path / "text")).message


def fingerprint(sshd: Sshd) -> str:
    said = subprocess.run(["ssh-keygen", "-lf", sshd.folder / "host.pub"], capture_output=True, text=True, check=True)
    return said.stdout.split()[1]


def test_an_unknown_host_is_refused_with_its_fingerprint_and_the_way_to_accept_it(sshd):
    known = sshd.known_hosts.read_text()
    sshd.known_hosts.write_text("")
    try:
        error = refusal(sshd)
        assert isinstance(error, PermanentError)
        assert f"is not known here (ssh-ed25519 {fingerprint(sshd)})" in error.message
        assert f"ssh -p {sshd.port} {sshd.user}@127.0.0.1" in error.hint
        assert "--ssh-accept-new-host-key" in error.hint
        assert sshd.known_hosts.read_text() == ""
        storage = opened(sshd, accept_new_host_key=True)
        assert storage.exists()
        storage.close()
        assert known.split()[2] in sshd.known_hosts.read_text()
    finally:
        sshd.known_hosts.write_text(known)


def test_hosts_are_remembered_in_a_file_of_ones_own(sshd, tmp_path):
    own = tmp_path / 'a "folder" of 100%d' / "known hosts"
    own.parent.mkdir()
    before = sshd.known_hosts.read_text()
    assert isinstance(refusal(sshd, known_hosts=str(own)), PermanentError)
    storage = opened(sshd, accept_new_host_key=True, known_hosts=str(own))
    assert storage.exists()
    storage.close()
    assert f":{sshd.port} " in own.read_text()
    assert sshd.known_hosts.read_text() == before
    again = opened(sshd, known_hosts=str(own))
    assert again.exists()
    again.close()


def test_a_changed_host_key_is_refused_even_if_new_ones_are_accepted(sshd):
    known = sshd.known_hosts.read_text()
    other = (sshd.folder / "id.pub").read_text().split()
    sshd.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {other[0]} {other[1]}\n")
    try:
        error = refusal(sshd, accept_new_host_key=True)
        assert "is not the one it had before" in error.message
        assert fingerprint(sshd) in error.message
        assert f"ssh-keygen -R '[127.0.0.1]:{sshd.port}'" in error.hint
    finally:
        sshd.known_hosts.write_text(known)


def test_a_server_without_sftp(tmp_path):
    with running_sshd(tmp_path / "sshd", "Subsystem other internal-sftp") as sshd:
        error = refusal(sshd)
    assert error.message.endswith("the server has no SFTP")
    assert "Subsystem sftp" in error.hint


def test_a_login_that_prints_something_where_sftp_should_begin(tmp_path):
    with running_sshd(tmp_path / "sshd", "ForceCommand echo Welcome to this machine") as sshd:
        error = refusal(sshd)
    assert "sends text ('Welc'…)" in error.message


def test_a_machine_without_ssh(sshd, monkeypatch):
    storage = SshStorage(sshd.server(), "/", clock=SystemClock(), environment={"PATH": "/nowhere"})
    with pytest.raises(PermanentError, match="the program ssh is not installed"):
        storage.exists()


def test_no_permission_to_write_in_the_container(tmp_path):
    (tmp_path / "container").mkdir()
    with running_sshd(tmp_path / "sshd", "ForceCommand internal-sftp -R") as sshd:
        storage = SshStorage(
            sshd.server(), str(tmp_path / "container"), clock=SystemClock(), environment=sshd.environment()
        )
        with pytest.raises(PermissionDenied, match="cannot prepare the container: permission denied"):
            storage.prepare()
        with pytest.raises(PermissionDenied):
            storage.put("object", b"x")
        with storage.hold("set", shared=True):  # which a restore takes
            assert storage.list() == []
        with pytest.raises(PermissionDenied), storage.hold("set"):
            pass
        storage.close()


def test_a_server_that_goes_away_is_a_transient_error_once_it_was_there(tmp_path):
    with running_sshd(tmp_path / "sshd") as sshd:
        storage = opened(sshd)
        assert storage.exists()
    for _ in range(2):
        with pytest.raises(TransientError):
            storage.exists()
    storage.close()


@pytest.fixture
def by_password(tmp_path: Path) -> Iterator[Sshd]:
    """A server where root has a password, in a file of its own that nobody else sees."""
    private = ["unshare", "--mount"]
    if os.getuid() != 0 or subprocess.run([*private, "true"], check=False, capture_output=True).returncode:
        pytest.skip("machine limit: no private mounts for a password file of the test's own")
    hashed = (
        subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=PASSWORD.encode(), capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )
    shadow = tmp_path / "shadow"
    lines = Path("/etc/shadow").read_text().splitlines()
    shadow.write_text("\n".join(f"root:{hashed}:19000:0:99999:7:::" if x.startswith("root:") else x for x in lines))
    script = f'mount --bind {shadow} /etc/shadow && exec "$@"'
    lines = ("PasswordAuthentication yes", "PubkeyAuthentication no")
    with running_sshd(tmp_path / "sshd", *lines, wrapper=(*private, "sh", "-c", script, "sh")) as sshd:
        yield sshd


def test_the_helper_that_answers_can_be_run_and_answers_no_question_about_hosts(tmp_path):
    (tmp_path / "answer").write_text("secret\n")
    env = {"PATH": os.defpath, "FREEZER_SSH_ANSWER": str(tmp_path / "answer")}
    asked = {
        question: subprocess.run([ASKPASS, question], env=env, capture_output=True, text=True, check=False)
        for question in ("root@host's password: ", "Are you sure you want to continue (yes/no/[fingerprint])? ")
    }
    assert [(done.returncode, done.stdout) for done in asked.values()] == [(0, "secret\n"), (1, "")]


def test_a_password_logs_in_and_is_in_no_argument_and_no_environment(by_password):
    storage = opened(by_password, key=None, password=Secret.from_text(PASSWORD))
    assert storage.exists()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            seen = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        assert PASSWORD.encode() not in seen
    storage.close()


def test_a_wrong_password(by_password):
    error = refusal(by_password, key=None, password=Secret(b"wrong"))
    assert isinstance(error, PermissionDenied)
    assert error.message.endswith("the user root may not log in with this password")


def test_an_unknown_host_is_never_given_the_password(by_password):
    by_password.known_hosts.write_text("")
    error = refusal(by_password, key=None, password=Secret.from_text(PASSWORD))
    assert "is not known here" in error.message
    assert by_password.known_hosts.read_text() == ""
