"""Why there is no connection: one line each, with what to do."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager

import pytest
from small_ftp import Fault, SmallFtp

from freezer.clock import SystemClock
from freezer.errors import PermanentError, PermissionDenied, TransientError, UsageError
from freezer.secret import Secret
from freezer.storage.ftp import FtpStorage, Server, Tls
from servers.ftpd import running_ftpd, shared_ftpd


def refusal(server: Server, kind: type[Exception] = PermanentError):
    """The error of a first look at a container of ``server``."""
    storage = FtpStorage(server, "container", clock=SystemClock())
    with pytest.raises(kind) as caught:
        storage.exists()
    storage.close()
    assert type(caught.value) is kind
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.fixture
def plain():
    return shared_ftpd("vsftpd")


@pytest.fixture
def secure():
    return shared_ftpd("vsftpd with TLS")


@contextmanager
def answering(*replies: bytes):
    """The port of a server that says these things, whatever it is told, and then nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as talk:
                for reply in replies:
                    talk.sendall(reply)
                    if not talk.recv(1000):
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("kind", ["vsftpd", "vsftpd with TLS", "pyftpdlib with TLS"])
def test_a_wrong_password(kind):
    error = refusal(shared_ftpd(kind).server(password=Secret(b"wrong-canary")), PermissionDenied)
    assert re.search("the user (anonymous|backup) may not log in with this password", error.message)
    assert error.hint == "check --ftp-username and --ftp-password"


def test_a_port_where_nobody_listens(plain):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = refusal(plain.server(port=port))
    assert error.message.endswith("Connection refused")
    assert error.hint == "check --ftp-host and --ftp-port"


def test_a_host_that_nobody_knows(plain):
    error = refusal(plain.server(host="no-such-host.invalid"))
    assert error.message.endswith("nobody knows this host name")


def test_a_server_of_something_else(plain):
    with answering(b"SSH-2.0-OpenSSH_9.2p1\r\n") as port:
        error = refusal(plain.server(port=port))
    assert "no FTP server answers there, it says 'SSH-2.0-OpenSSH_9.2p1'" in error.message
    assert error.hint == "check --ftp-host and --ftp-port"


def test_a_server_that_hangs_up(plain):
    with answering(b"220 Hello\r\n") as port:
        assert "the server ended the connection" in refusal(plain.server(port=port)).message


def test_a_server_that_says_nothing(plain, monkeypatch):
    monkeypatch.setattr("freezer.storage.ftp.login.CONNECTING", 0.2)
    with answering(b"") as port:
        assert "no answer in time" in refusal(plain.server(port=port)).message


def test_tls_from_a_server_without(plain, secure):
    error = refusal(plain.server(tls=Tls(trust=str(secure.authority))))
    assert "the server does not speak TLS" in error.message
    assert "in clear" in error.hint


@pytest.mark.parametrize("kind", ["vsftpd with TLS", "pyftpdlib with TLS"])
def test_a_login_in_clear_where_tls_is_wanted(kind):
    error = refusal(shared_ftpd(kind).server(tls=None))
    assert "the server wants TLS" in error.message
    assert error.hint == "use --storage ftps"


def test_a_certificate_that_nobody_vouches_for(secure):
    error = refusal(secure.server(tls=Tls()))
    assert "its certificate is not trusted" in error.message
    assert "--ftp-authority" in error.hint


def test_a_certificate_of_another_host(secure):
    error = refusal(secure.server(host="localhost"))
    assert "its certificate is not trusted (Hostname mismatch" in error.message


def test_a_certificate_that_is_not_to_be_verified(secure, tmp_path):
    storage = FtpStorage(secure.server(tls=Tls(verify=False)), str(tmp_path), clock=SystemClock())
    assert storage.exists()
    storage.close()


def test_a_server_that_wants_to_know_who_we_are(secure, tmp_path):
    lines = ("ssl_request_cert=YES", "require_cert=YES", "validate_cert=YES", f"ca_certs_file={tmp_path}/authority.pem")
    with running_ftpd("vsftpd with TLS", tmp_path, *lines) as ftpd:
        ours = Tls(trust=str(ftpd.authority), certificate=str(tmp_path / "server.pem"))
        storage = FtpStorage(ftpd.server(tls=ours), str(tmp_path), clock=SystemClock())
        assert storage.exists()
        assert storage.list() != []
        storage.close()
        refusal(ftpd.server())


def test_a_session_that_is_not_resumed_is_what_the_server_would_refuse(secure, tmp_path, monkeypatch):
    """So that the tests on vsftpd prove that ours are."""
    monkeypatch.setattr("ssl.SSLSocket.session", None)
    storage = FtpStorage(secure.server(), str(tmp_path), clock=SystemClock())
    with pytest.raises((PermanentError, TransientError), match=r"session reuse|connection was lost"):
        storage.list()
    storage.close()


def test_data_that_would_not_be_protected(secure, monkeypatch):
    monkeypatch.setattr("ftplib.FTP_TLS.prot_p", lambda ftp: ftp.voidcmd("PROT X"))
    assert "does not encrypt data connections" in refusal(secure.server()).message


def test_files_that_cannot_be_used(plain, tmp_path):
    (tmp_path / "empty").write_text("")
    for tls, message in (
        (Tls(trust=str(tmp_path / "none")), "--ftp-authority .*none: No such file or directory"),
        (Tls(trust=str(tmp_path / "empty")), "--ftp-authority .*empty: has no certificate in PEM"),
        (Tls(certificate=str(tmp_path / "empty")), "--ftp-certfile .*empty: are no certificate in PEM and its key"),
        (Tls(certificate=str(plain.authority), key="/none"), "--ftp-certfile .*, --ftp-keyfile /none: No such file"),
    ):
        assert re.match(message, refusal(plain.server(tls=tls), UsageError).message)


def test_implicit_tls_is_told_apart():
    from freezer.storage.ftp import diagnosis

    server = Server("nas", "u", Secret(b""), port=990, tls=Tls())
    error = diagnosis.explain(server, diagnosis.Step.CONNECT, TimeoutError(), known=False)
    assert "on port 990 servers expect TLS from the first byte" in error.message
    assert "mostly 21" in error.hint


def test_a_server_that_is_full_is_asked_again_later(tmp_path):
    server = SmallFtp(tmp_path, most=0)
    with pytest.raises(TransientError, match=re.escape("the server has no connection for us: '421 There are too many")):
        server.storage().exists()
    server.close()


def test_a_server_that_cannot_take_us_now_is_asked_again_later(tmp_path):
    server = SmallFtp(tmp_path)
    server.faults(Fault("PASS", then="say", text="430 Later"))
    with pytest.raises(TransientError, match="cannot take us now: '430 Later'"):
        server.storage().exists()
    server.close()


def test_after_a_first_connection_another_one_is_only_a_matter_of_time(tmp_path):
    server = SmallFtp(tmp_path)
    storage = server.storage()
    storage.put("object", b"x")
    server.close()
    for _ in range(2):
        with pytest.raises(TransientError):
            storage.get("object")


@pytest.mark.parametrize("field", ["host", "username", "password"])
def test_a_line_break_would_be_another_command(field):
    values = {"host": "h", "username": "u", "password": Secret(b"p")}
    values[field] = Secret(b"p\r\nDELE x") if field == "password" else "x\nDELE x"
    with pytest.raises(UsageError, match=f"--ftp-{field} contains a line break"):
        Server(**values)
