"""On machines for which there is no wheel of ISA-L, and on systems that count processors in another way."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from freezer.stream.compression import Codec, Level, compress_block
from freezer.stream.pipeline import Pipeline, default_workers

_READ = """
import sys
sys.modules["isal"] = None
import zlib
from freezer.stream import gzipmember
from freezer.stream.compression import Codec
from freezer.stream.decompression import Decompressor
assert gzipmember.inflater is zlib
with open(sys.argv[1], "rb") as file:
    for piece in Decompressor(Codec.GZIP).feed(file.read()):
        sys.stdout.buffer.write(piece)
"""


def test_gzip_is_read_where_the_wheel_is_missing_from_the_start(tmp_path: Path) -> None:
    plain = os.urandom(5000) * 3
    (tmp_path / "a.gz").write_bytes(gzip.compress(plain))
    done = subprocess.run([sys.executable, "-c", _READ, tmp_path / "a.gz"], capture_output=True, check=False)
    assert done.stdout == plain, done.stderr.decode()


@pytest.mark.parametrize("level", Level)
def test_gzip_is_written_where_the_wheel_is_missing(monkeypatch: pytest.MonkeyPatch, level: Level) -> None:
    monkeypatch.setitem(sys.modules, "isal", None)
    plain = b"".join(b"line %d\n" % number for number in range(10_000))
    stored = bytes(compress_block(Codec.GZIP, level, plain))
    assert gzip.decompress(stored) == plain
    assert len(stored) < len(plain) / 3


def test_processors_are_counted_where_a_process_has_no_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert default_workers(Codec.GZIP) == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert default_workers(Codec.GZIP) == 1


class _Null:
    def write(self, offset: int, segment: object) -> None:
        pass


def test_a_pipeline_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a sink"):
        Pipeline([], compression=Codec.GZIP)
    with pytest.raises(ValueError, match="segment size"):
        Pipeline([_Null()], compression=Codec.GZIP, segment_size=0)
