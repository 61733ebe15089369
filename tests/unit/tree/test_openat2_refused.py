"""What becomes of openat2(2) where the kernel refuses it, or gives up for a while. Needs strace."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

_OPEN = """
import os, sys
from freezer.tree.openat2 import open_beneath, resolver
root = os.open(sys.argv[1], os.O_RDONLY)
print(resolver().__name__)
try:
    print(os.read(open_beneath(root, b"a/file", os.O_RDONLY), 99))
except OSError as error:
    print(error.errno)
"""


def opened(place: Path, error: str, when: str) -> tuple[str, str]:
    """The name of the way that was chosen, and what was read (or the error's number)."""
    (place / "a").mkdir()
    (place / "a/file").write_bytes(b"inside")
    inject = f"inject=openat2:error={error}:when={when}"
    command = ["strace", "-f", "-o", place / "log", "-e", "trace=openat2", "-e", inject, sys.executable, "-c", _OPEN]
    done = subprocess.run([*command, place], capture_output=True, text=True, timeout=180, check=False)
    if not (place / "log").exists() or "(INJECTED)" not in (place / "log").read_text():
        pytest.skip(f"strace cannot trace openat2 here: {done.stderr.strip()[-200:]}")
    way, result = done.stdout.splitlines()
    return way, result


@pytest.mark.parametrize("error", ["ENOSYS", "EPERM"])
def test_an_old_kernel_or_a_filter_that_forbids_the_call_leads_to_the_portable_way(tmp_path: Path, error: str) -> None:
    assert opened(tmp_path, error, "1+") == ("open_by_components", "b'inside'")


@pytest.mark.parametrize("error", ["EAGAIN", "EINTR"])
def test_a_call_that_a_rename_or_a_signal_disturbed_is_repeated(tmp_path: Path, error: str) -> None:
    assert opened(tmp_path, error, "2..20") == ("openat2", "b'inside'")


def test_a_call_that_is_disturbed_for_ever_is_an_error_and_no_endless_loop(tmp_path: Path) -> None:
    assert opened(tmp_path, "EAGAIN", "2+") == ("openat2", str(errno.EAGAIN))
