"""What is wrong with a storage is one line that says so, and one that names the remedy: for every storage the mistakes
that are made with it. What is known only to Keystone, or to S3's ways to find keys, is in their own tests."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import pytest

from freezer.testing.network import GoBetween
from freezer.testing.network.between import WebFault
from freezer.testing.network.deeds import Reply, Rewrite
from freezer.testing.network.messages import Message
from freezer.testing.network.when import always
from servers.ftpd import PASSWORD, shared_ftpd
from servers.raw import variables
from servers.s3 import service, without_aws
from servers.session import openstack
from servers.sshd import shared_sshd
from support.disks import small_disk
from support.runs import Run


@dataclass(frozen=True)
class Mistake:
    """Options and variables that are wrong, and what is said: in the error, and in the line that helps."""

    said: str
    remedy: str
    words: Sequence[object] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    code: int = 1
    action: str = "backup"


def told(agent, mistake: Mistake, *place: object) -> Run:
    """Run the action; it must fail in one line, with a remedy."""
    words = ["-F", agent.source] if mistake.action == "backup" else []
    run = agent.call(mistake.action, *words, "-N", "web", "--storage-timeout", 1, *place, *mistake.words)
    assert run.code == mistake.code, run.err
    assert mistake.said in run.error
    (remedy,) = [line for line in run.err.splitlines() if line.startswith("hint: ")]
    assert mistake.remedy in remedy
    return run


def have(monkeypatch: pytest.MonkeyPatch, wanted: Mapping[str, str], *prefixes: str) -> None:
    """These variables, and no others that begin so."""
    for name in [name for name in os.environ if name.startswith(prefixes)]:
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)


# --- ssh

READING = {"action": "list"}
SSH = {
    "host": Mistake("Name or service not known", "--ssh-host", ["--ssh-host", "no-such-host.invalid"]),
    "port": Mistake("Connection refused", "--ssh-port", ["--ssh-port", "1"]),
    "user": Mistake("the user nobody-here may not log in", "authorized_keys", ["--ssh-username", "nobody-here"]),
    "key": Mistake("may not log in with the key", "authorized_keys", ["--ssh-key", "another"]),
    "no key": Mistake("is no private key", "without .pub", ["--ssh-key", "no key"]),
    "password": Mistake("may not log in with this password", "--ssh-password", ["--ssh-password", "wrong"]),
    "unknown host key": Mistake("host key is not known", "--ssh-accept-new-host-key", ["--ssh-host", "localhost"]),
    "no permission": Mistake("permission denied", "owner and mode", ["-C", "/sys/nowhere"]),
    "a file as container": Mistake("is not a directory", "--container", ["-C", "/etc/passwd"]),
    "no such container": Mistake("there is no container", "--container", **READING),
}


@pytest.mark.parametrize("what", SSH)
def test_ssh(what, agent, monkeypatch, tmp_path):
    sshd = shared_sshd()
    have(monkeypatch, {"PATH": sshd.environment()["PATH"]}, "SSH_")
    files = {"another": tmp_path / "another", "no key": tmp_path / "no key"}
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", files["another"]], check=True)
    files["no key"].write_text("mine")
    files["no key"].chmod(0o600)
    wrong = replace(SSH[what], words=[files.get(str(word), word) for word in SSH[what].words])
    told(agent, wrong, *sshd.words(), "-C", agent.container)


# --- ftp

FTP = {
    "host": Mistake("nobody knows this host name", "--ftp-host", ["--ftp-host", "no-such-host.invalid"]),
    "port": Mistake("Connection refused", "--ftp-port", ["--ftp-port", "1"]),
    "user": Mistake("the user root may not log in", "--ftp-username", ["--ftp-username", "root"]),
    "password": Mistake("may not log in with this password", "--ftp-password", ["--ftp-password", "wrong"]),
    "name in the certificate": Mistake("certificate is not trusted", "--ftp-authority", ["--ftp-host", "localhost"]),
    "authority": Mistake("is not trusted", "--ftp-authority", ["--ftp-authority", "another"]),
    "storage": Mistake("has no meaning with --storage ftp", "--storage ftps", ["--storage", "ftp"], code=2),
    "no permission": Mistake("permission denied", "owner and mode of the container", ["-C", "/proc/nowhere"]),
    "a file as container": Mistake("is not a directory", "--container", ["-C", "/etc/passwd"]),
    "no such container": Mistake("there is no container", "--container", **READING),
}


@pytest.mark.parametrize("what", FTP)
def test_ftps(what, agent, monkeypatch):
    monkeypatch.setenv("OS_DEFAULT__FTP_PASSWORD", PASSWORD)
    other = shared_ftpd("vsftpd").authority
    wrong = replace(FTP[what], words=[other if word == "another" else word for word in FTP[what].words])
    run = told(agent, wrong, *shared_ftpd("vsftpd with TLS").words(), "-C", agent.container)
    assert PASSWORD not in run.out + run.err


# --- disks of servers


@pytest.mark.parametrize("storage", ["local", "ssh", "ftps"])
def test_a_full_disk(storage, agent, monkeypatch, tmp_path):
    """The next backup needs no help."""
    have(monkeypatch, shared_sshd().environment() | {"OS_DEFAULT__FTP_PASSWORD": PASSWORD}, "SSH_")
    words = {
        "local": ("--storage", "local"),
        "ssh": shared_sshd().words(),
        "ftps": shared_ftpd("vsftpd with TLS").words(),
    }[storage]
    (agent.source / "noise").write_bytes(os.urandom(3 << 20))
    with small_disk(tmp_path / "small") as disk:
        place = (*words, "-C", disk / "box")
        told(agent, Mistake("pace", "remove old backups"), *place)
        (agent.source / "noise").unlink()
        assert agent.call("backup", "-F", agent.source, "-N", "web", *place).code == 0
        assert not list(disk.rglob(".freezer-tmp-*"))


# --- web servers


@contextmanager
def through(url: str, *faults: WebFault) -> Iterator[int]:
    """The port of a go-between in front of the server at ``url``, with faults that last."""
    with GoBetween(urlsplit(url).port or 0, [replace(fault, when=always) for fault in faults]) as web:
        yield web.port


def answered(status: int, code: str, *headers: tuple[str, str], **more: str) -> WebFault:
    """S3 refuses everything with this code."""
    inside = "".join(f"<{name}>{text}</{name}>" for name, text in {"Code": code, "Message": "no", **more}.items())
    return WebFault(Reply(status, headers, f"<Error>{inside}</Error>".encode()))


HERE, EAST = ("x-amz-bucket-region", "eu-west-1"), ("--s3-region", "us-east-1")
S3 = {
    "port": (Mistake("Connection refused", "--endpoint", variables={"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}), None),
    "no such bucket": (Mistake("there is no container", "a bucket of S3", **READING), None),
    "expired token": (Mistake("session token has expired", "new temporary keys"), answered(400, "ExpiredToken")),
    "another region": (
        Mistake("S3 wants the region eu-west-1", "pass --s3-region eu-west-1", EAST),
        answered(301, "PermanentRedirect", HERE),
    ),
    "another region, learnt, at another endpoint": (
        Mistake("S3 wants the region eu-west-1", "its endpoint is box.s3.eu-west-1.example.com"),
        answered(301, "PermanentRedirect", HERE, Endpoint="box.s3.eu-west-1.example.com"),
    ),
    "another region that is not told": (
        Mistake("the bucket is in another region", "check --s3-region"), answered(301, "PermanentRedirect")
    ),
    "clock": (Mistake("the clock of this machine differs", "NTP"), answered(403, "RequestTimeTooSkewed")),
    "no permission": (Mistake("S3 does not permit it", "s3:PutObject"), answered(403, "AccessDenied")),
    "full quota": (Mistake("S3 has no room for it", "raise the quota"), answered(403, "QuotaExceeded")),
}  # fmt: skip


@pytest.mark.parametrize("what", S3)
def test_s3(what, agent, monkeypatch):
    there = service()
    mistake, fault = S3[what]
    have(monkeypatch, there.variables(), "AWS_", *without_aws(os.environ))
    with through(there.endpoint, *([fault] if fault is not None else [])) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        for name, value in mistake.variables.items():
            monkeypatch.setenv(name, value)
        told(agent, mistake, "--storage", "s3", "-C", f"mistake-{secrets.token_hex(6)}")


SWIFT = {
    "port of Keystone": (Mistake("refused", "OS_AUTH_URL", variables={"OS_AUTH_URL": "http://127.0.0.1:1/v3"}), None),
    "no such container": (Mistake("there is no container", "--container", **READING), None),
    "expired token": (Mistake("refuses our token, and a new one too", "switched off"), WebFault(Reply(401))),
    "no permission": (Mistake("Swift does not permit it", "role member"), WebFault(Reply(403))),
    "full quota": (
        Mistake("Swift has no room for it", "raise the quota"),
        WebFault(Reply(413), "PUT", "/data"),
    ),
    "full disks": (Mistake("Swift's disks are full", "your cloud's operator"), WebFault(Reply(507), "PUT")),
}


@pytest.mark.parametrize("what", SWIFT)
def test_swift(what, agent, monkeypatch):
    about = openstack()
    mistake, fault = SWIFT[what]
    with ExitStack() as stack:
        swift = stack.enter_context(through(about["swift"], *([fault] if fault is not None else [])))
        detour = WebFault(Rewrite(_swift_at(about["swift"], swift)))
        keystone = stack.enter_context(through(about["auth_url"], detour))
        login = variables(about, OS_AUTH_URL=f"http://127.0.0.1:{keystone}/v3")
        have(monkeypatch, {**login, **mistake.variables}, "OS_")
        told(agent, mistake, "--storage", "swift", "-C", f"mistake-{secrets.token_hex(6)}")


def _swift_at(url: str, port: int) -> Callable[[Message], Message]:
    """Lets Keystone's catalogue name another port for Swift."""
    old, new = (f"127.0.0.1:{number}".encode() for number in (urlsplit(url).port, port))
    return lambda answer: answer.with_body(answer.body.replace(old, new))
