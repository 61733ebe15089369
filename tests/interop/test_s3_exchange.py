"""The original on a bucket of ours: it restores every level. (It cannot store anything in a bucket under Python 3.)"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import environments
import gentle
import pytest

from freezer.clock import utc_text
from servers.raw import variables
from servers.s3 import keys_of, on_swift
from servers.session import openstack
from support.fetching import fetched
from support.manifest import compare, make_manifest

LOST = {"alloc", "xattrs"}
RUN = "import sys; from freezer import main; sys.argv[0] = 'freezer-agent'; sys.exit(main.main())"


@dataclass(frozen=True)
class Program:
    """Ours or the original, on one backup name in one bucket."""

    command: tuple[str, ...]
    home: Path
    bucket: str

    def run(self, action: str, *words: object) -> subprocess.CompletedProcess[str]:
        service = on_swift()
        env = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "FREEZER_", "AWS_"))}
        env |= variables(openstack()) | {"HOME": str(self.home), "PYTHONWARNINGS": "ignore"}
        env |= {"AWS_DEFAULT_REGION": service.region, "AWS_EC2_METADATA_DISABLED": "true"}
        env |= {"ACCESS_KEY": service.access_key, "SECRET_KEY": service.secret_key, "ENDPOINT": service.endpoint}
        stored = ["--storage", "s3", "-C", self.bucket, "-N", "web", "--hostname", "h"]
        command = [*self.command, "--action", action, *stored, "--log-file", self.home / "log", *words]
        words_run = [str(word) for word in command]
        return subprocess.run(words_run, env=env, cwd=self.home, capture_output=True, text=True, check=False)


def original(tmp_path: Path, bucket: str) -> Program:
    python = fetched("OpenStack Freezer 19.0.0", environments.upstream_python)
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return Program((str(python), "-I", "-c", RUN), home, bucket)


@pytest.fixture
def ours(tmp_path: Path) -> Program:
    home = tmp_path / "home-ours"
    home.mkdir()
    return Program((sys.executable, "-m", "freezer.cmd.agent"), home, f"interop-{secrets.token_hex(6)}/some/prefix")


def test_the_original_restores_every_level_that_we_stored(ours: Program, tmp_path: Path) -> None:
    states = []
    source = tmp_path / "source"
    gentle.make_tree(source)
    (source / "noise").write_bytes(secrets.token_bytes(11_000_000))  # two parts
    for level in range(3):
        if level:
            gentle.edit_tree(source, level)
            time.sleep(1.01)
        done = ours.run("backup", "-F", source, "--incremental", "--max-segment-size", "5M")
        assert done.returncode == 0, done.stderr
        states.append(make_manifest(source))
    bucket, _, prefix = ours.bucket.partition("/")
    keys = keys_of(on_swift().raw(), bucket, f"{prefix}/metadata/")
    made = sorted(int(key.split("/")[-2].split("_")[1]) for key in keys)
    upstream = original(tmp_path, ours.bucket)
    for level, (state, moment) in enumerate(zip(states, made, strict=True)):
        target = tmp_path / f"out{level}"
        done = upstream.run("restore", "--restore-abs-path", target, "--restore-from-date", utc_text(moment))
        assert done.returncode == 0, done.stdout + done.stderr
        assert compare(state, make_manifest(target), ignore=LOST, whole_seconds=True) == [], f"level {level}"
