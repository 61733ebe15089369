"""Restoring what is there already, and what another program's archive says about users."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freezer.engine.tar.archive.read import ArchiveReader
from freezer.engine.tar.restore.extract import Extraction, Selection
from freezer.progress import NoProgress
from freezer.stream.compression import Codec
from freezer.stream.source import ByteSource
from freezer.tree.acl import acl_from_text
from freezer.tree.policy import Policy
from freezer.tree.sandbox import Sandbox
from hostile.hostile_tarball import END, file, pax
from support.levels import restore, store


def test_links_to_unchanged_files_do_not_make_a_level_be_read_twice(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "one").write_text("content")
    os.link(source / "one", source / "two")
    level = store(source)
    restore([level], target)
    (target / "two").unlink()
    opened = []

    @contextmanager
    def open_level() -> Iterator[ByteSource]:
        opened.append(1)
        with ByteSource([level.archive], codec=Codec.NONE) as stream:
            yield stream

    with Sandbox(os.fsencode(target), policy=Policy.IF_CHANGED, devices=False) as box:
        result = Extraction(box, Selection(), NoProgress()).run([open_level])
        box.finish()
    assert len(opened) == 1
    assert result.problems() == ()
    assert (target / "one").stat().st_ino == (target / "two").stat().st_ino


def test_an_acl_that_names_users_means_the_users_of_that_name(tmp_path: Path) -> None:
    text = b"user::rw-,user:root:r--,group::r--,mask::r--,other::---"
    archive = pax((b"SCHILY.acl.access", text)) + file(b"a") + END
    with ByteSource([archive], codec=Codec.NONE) as source:
        (member,) = ArchiveReader(source)
    binary = acl_from_text("user::rw-,user:0:r--,group::r--,mask::r--,other::---")
    assert member.attributes.xattrs == {b"system.posix_acl_access": binary}
