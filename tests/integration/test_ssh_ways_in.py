"""What the system's ssh knows works for us, too: an agent with keys, a configuration with jump hosts."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.errors import PermissionDenied, TransientError
from freezer.storage.ssh import SshStorage
from servers.sshd import Sshd, running_sshd


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with running_sshd(tmp_path / "sshd") as server:
        yield server


def _comes_back(storage: SshStorage) -> None:
    try:
        storage.prepare()
        storage.put("folder/object", b"content")
        assert storage.get("folder/object") == b"content"
    finally:
        storage.close()


def test_a_key_with_a_passphrase_is_used_from_the_users_agent(sshd: Sshd, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", locked], check=True)
    (sshd.folder / "authorized_keys").write_text(locked.with_suffix(".pub").read_text())
    socket = tmp_path / "agent"
    environment = sshd.environment() | {"SSH_AUTH_SOCK": str(socket)}
    server = sshd.server(key=None)
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as agent:
        try:
            asks = tmp_path / "asks"
            asks.write_text("#!/bin/sh\necho a passphrase\n")
            asks.chmod(0o700)
            adding = environment | {"SSH_ASKPASS": str(asks), "SSH_ASKPASS_REQUIRE": "force"}
            _until_there(socket)
            with pytest.raises(PermissionDenied, match="may not log in"):
                _comes_back(SshStorage(server, str(tmp_path / "c"), clock=SystemClock(), environment=environment))
            subprocess.run(["ssh-add", "-q", locked], env=adding, check=True, stdin=subprocess.DEVNULL)
            _comes_back(SshStorage(server, str(tmp_path / "c"), clock=SystemClock(), environment=environment))
        finally:
            agent.terminate()


def _until_there(socket: Path) -> None:
    for _ in range(1000):
        if socket.exists():
            return
        time.sleep(0.01)
    raise AssertionError("ssh-agent does not start")


def test_a_name_of_the_configuration_leads_over_its_jump_host(sshd: Sshd, tmp_path: Path) -> None:
    with running_sshd(tmp_path / "behind") as behind:
        hosts = [(sshd.folder / "known_hosts").read_text(), (behind.folder / "known_hosts").read_text()]
        (sshd.folder / "known_hosts").write_text("".join(hosts))
        with (sshd.folder / "ssh_config").open("a") as config:
            config.write(f"IdentityFile {sshd.key}\nHost storage-behind\n HostName 127.0.0.1\n Port {behind.port}\n")
            config.write(f" IdentityFile {behind.key}\n HostKeyAlias [127.0.0.1]:{behind.port}\n")
            config.write(f" ProxyJump {sshd.user}@127.0.0.1:{sshd.port}\n")
        server = behind.server(host="storage-behind", port=None, key=None)
        environment = sshd.environment() | {"SSH_AUTH_SOCK": os.devnull}
        _comes_back(SshStorage(server, str(tmp_path / "c"), clock=SystemClock(), environment=environment))
        assert (tmp_path / "c" / "folder" / "object").read_bytes() == b"content"
        sshd.stop()
        with pytest.raises(TransientError):
            _comes_back(SshStorage(server, str(tmp_path / "c"), clock=SystemClock(), environment=environment))
