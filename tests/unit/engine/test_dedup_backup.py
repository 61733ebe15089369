"""What a backup of the dedup engine holds is what was there, and what did not change is not stored again."""

from __future__ import annotations

import errno
import io
import os
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from freezer.engine.contract import Tree
from freezer.engine.dedup.backup import contents
from freezer.engine.dedup.backup.earlier import packed, unpacked
from freezer.engine.dedup.backup.items import Options
from freezer.engine.dedup.backup.run import Stream
from freezer.errors import SourceError
from freezer.progress import NoProgress
from freezer.repository import states
from freezer.repository import trees as formats
from freezer.repository.documents import SourceKind
from freezer.repository.names import new_id
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.trees import Type
from freezer.tree.exclude import Exclusion
from support.dedup import Backed, Series
from support.manifest import Manifest, compare, make_manifest
from support.random_trees import Edit, Node, apply, build, edits, trees
from support.trees import edit_tree, make_tree, set_xattr

SECOND = 1_000_000_000
_IGNORED = ("alloc", "nlink")


def seen(source: Path) -> Manifest:
    """What a backup of ``source`` must hold: everything but sockets."""
    return {path: entry for path, entry in make_manifest(source).items() if entry["type"] != "socket"}


def assert_holds(series: Series, backed: Backed, source: Path) -> None:
    assert compare(seen(source), series.manifest(backed), ignore=_IGNORED) == []
    assert not backed.failures


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """``one``, ``big`` of many chunks, and ``sub/two``."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "one").write_bytes(b"1")
    (source / "big").write_bytes(random.Random(1).randbytes(300_000))
    (source / "sub" / "two").write_bytes(b"2" * 2000)
    return source


def test_a_rich_tree_is_held_as_it_is_again_and_again(tmp_path: Path) -> None:
    source = tmp_path / "source"
    make_tree(source)
    series = Series()
    assert_holds(series, series.backup(source), source)
    for seed in range(3):
        edit_tree(source, seed)
        assert_holds(series, series.backup(source), source)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees(), edits(), edits())
def test_whatever_changes_the_next_backup_holds_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, tree: list[Node], first: list[Edit], second: list[Edit]
) -> None:
    source = tmp_path_factory.mktemp("random") / "source"
    build(source, tree)
    series = Series()
    for changes in ([], first, second, []):
        apply(source, changes)
        assert_holds(series, series.backup(source), source)


def test_an_unchanged_tree_is_neither_read_nor_stored(tmp_path: Path) -> None:
    source = tmp_path / "source"
    make_tree(source)
    for path, entry in seen(source).items():
        if "nlink" in entry:
            (source / path).unlink()  # these are the next test's business
    series = Series()
    first = series.backup(source)
    second = series.backup(source)
    assert second.written.new_chunks == 0
    assert second.made.counts.read_bytes == 0
    assert second.made.counts.new == second.made.counts.changed == 0
    assert second.made.counts.unchanged == first.made.counts.new
    assert (second.made.source, second.made.states) == (first.made.source, first.made.states)
    assert second.written.needs == first.written.needs
    for number in ("files", "directories", "links", "others", "bytes", "sockets", "broken_link_count"):
        assert getattr(second.made.summary, number) == getattr(first.made.summary, number)


def test_unchanged_files_with_several_names_are_not_read_either(source: Path) -> None:
    os.link(source / "one", source / "sub" / "another")
    series = Series()
    series.backup(source)
    again = series.backup(source)
    assert again.made.counts.read_bytes == 0
    assert again.written.new_chunks == 0


def test_the_second_name_of_a_file_follows_the_first_to_another_directory(source: Path) -> None:
    (source / "a").mkdir()
    os.link(source / "one", source / "a" / "first")
    (source / "one").unlink()
    os.link(source / "a" / "first", source / "sub" / "second")
    series = Series()
    assert series.files(series.backup(source))["sub/second"].extra.first == b"a/first"
    (source / "a").rename(source / "b")  # nothing below sub shows that
    assert series.files(series.backup(source))["sub/second"].extra.first == b"b/first"


def test_one_changed_file_costs_its_own_chunks_and_the_trees_above_it(source: Path) -> None:
    series = Series()
    series.backup(source)
    (source / "sub" / "two").write_bytes(b"other")
    again = series.backup(source)
    assert again.made.counts.read_bytes == 5
    assert (again.made.counts.changed, again.made.counts.unchanged) == (1, 2)
    assert again.written.new_chunks == 4  # content, two trees, one state
    assert_holds(series, again, source)


def test_an_edit_in_a_big_file_stores_only_what_is_around_it(source: Path) -> None:
    series = Series()
    series.backup(source)
    content = (source / "big").read_bytes()
    (source / "big").write_bytes(content[:150_000] + b"inserted" + content[150_000:])
    again = series.backup(source)
    assert again.made.counts.read_bytes == 300_008
    assert again.written.new_bytes < 40_000
    assert_holds(series, again, source)


def test_the_same_file_elsewhere_is_stored_once(source: Path) -> None:
    series = Series()
    series.backup(source)
    (source / "copy").write_bytes((source / "big").read_bytes())
    assert series.backup(source).written.new_bytes < 4000


def test_a_directory_that_moved_is_one_tree_with_another_name(source: Path) -> None:
    series = Series()
    first = series.files(series.backup(source))
    (source / "sub").rename(source / "moved")
    again = series.backup(source)
    assert series.files(again)["moved"].content == first["sub"].content
    assert_holds(series, again, source)


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 262_143, 262_144, 262_145, 5_000_000])
def test_files_of_every_size_come_back(tmp_path: Path, size: int) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(random.Random(size).randbytes(size))
    series = Series()
    assert_holds(series, series.backup(source), source)


def test_where_a_file_is_cut_does_not_depend_on_how_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Beyond four megabytes it is read in pieces.
    content = random.Random(5).randbytes(9_000_000)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_bytes(content)
    series = Series()
    backed = series.backup(tmp_path / "source")
    file = series.files(backed)["file"]
    assert backed.written.new_chunks > 1000
    monkeypatch.setattr(contents, "_BUFFER", 10_000_000)
    rest = io.BytesIO(content)
    odd = Stream(b"file", lambda view: rest.readinto(view[:777_777]))
    streamed = series.backup(odd)
    assert series.files(streamed)["file"].content == file.content


def test_more_chunks_than_an_entry_takes_are_listed_in_chunks(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(random.Random(6).randbytes(8_000_000))
    series = Series()
    backed = series.backup(source)
    content = series.files(backed)["file"].content
    assert isinstance(content, list)
    assert content[0] == 0
    assert formats.list_ids(content)
    assert_holds(series, backed, source)


def test_holes_are_not_read_and_not_stored(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "sparse").open("wb") as file:
        file.truncate(1 << 30)
        file.seek(1 << 20)
        file.write(b"x" * 4096)
        file.seek(1 << 29)
        file.write(b"y" * 4096)
    with (source / "all hole").open("wb") as file:
        file.truncate(1 << 20)
    if os.stat(source / "sparse").st_blocks * 512 > 1 << 20:
        pytest.skip("machine limit: no holes in this file system")
    series = Series()
    backed = series.backup(source)
    assert backed.made.counts.read_bytes < 1 << 20
    files = series.files(backed)
    assert files["sparse"].size == 1 << 30
    pieces = formats.pieces(files["sparse"].content, bytes)
    assert sum(piece for piece in pieces if isinstance(piece, int)) >= (1 << 30) - (1 << 20)
    assert files["all hole"].content == [1 << 20]
    assert series.backup(source).made.counts.read_bytes == 0


def test_a_single_file_is_a_tree_of_one_entry(source: Path) -> None:
    series = Series()
    tree = Tree(os.fsencode(source), b"one")
    backed = series.backup(tree)
    assert backed.made.source.kind == SourceKind.ENTRY
    assert backed.made.source.path == os.fsencode(source / "one")
    assert list(series.files(backed)) == ["one"]
    assert (backed.made.summary.files, backed.made.summary.directories) == (1, 0)
    assert series.backup(tree).made.counts.unchanged == 1


def test_a_single_file_that_is_not_there_is_an_error_of_one_line(source: Path) -> None:
    with pytest.raises(SourceError, match="nowhere cannot be read: there is nothing to back up"):
        Series().backup(Tree(os.fsencode(source), b"nowhere"))


def test_a_source_that_is_not_there_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere cannot be opened: No such file or directory$"):
        Series().backup(tmp_path / "nowhere")


def test_a_stream_is_a_file(source: Path) -> None:
    content = random.Random(7).randbytes(200_000)
    series = Series()
    backed = series.backup(Stream(b"dump.sql", io.BytesIO(content).readinto))
    entry = series.files(backed)["dump.sql"]
    assert (entry.type, entry.size, series.content(entry)) == (Type.FILE, 200_000, content)
    assert backed.made.source.kind == SourceKind.STREAM
    assert series.backup(Stream(b"dump.sql", io.BytesIO(content).readinto)).written.new_bytes < 200


def test_a_stream_that_breaks_is_no_backup() -> None:
    def read(view: memoryview) -> int:
        raise OSError(errno.EIO, "broken")

    with pytest.raises(SourceError, match="the standard input cannot be read: Input/output error"):
        Series().backup(Stream(b"dump", read))


def test_what_is_excluded_is_left_out_and_named(source: Path) -> None:
    series = Series()
    backed = series.backup(source, Options(excluded=Exclusion(["./sub", "o*e"]).matches))
    assert list(series.files(backed)) == ["big"]
    assert backed.made.summary.excluded_count == 2
    assert sorted(backed.made.summary.excluded) == ["one", "sub"]
    # Without the patterns everything is there again, although nothing in the tree has changed.
    assert_holds(series, series.backup(source), source)


def test_links_are_followed_if_that_is_wanted(source: Path) -> None:
    (source / "to file").symlink_to("one")
    (source / "to directory").symlink_to("sub")
    (source / "to nowhere").symlink_to("nothing")
    (source / "sub" / "up").symlink_to("..")
    series = Series()
    backed = series.backup(source, Options(follow_symlinks=True))
    files = series.files(backed)
    assert files["to file"].type == Type.FILE
    assert series.content(files["to directory/two"]) == b"2" * 2000
    assert files["to nowhere"].type == Type.LINK
    assert "a symbolic link leads back to a directory above it" in backed.failures.values()


def test_names_of_one_file_are_files_of_their_own_if_that_is_wanted(source: Path) -> None:
    os.link(source / "one", source / "also one")
    series = Series()
    for follow in (True, False, True, True):
        files = series.files(series.backup(source, Options(follow_hard_links=follow)))
        assert files["also one"].more is None
        assert files["one"].extra.first == (b"" if follow else b"also one")


def test_a_file_written_in_the_instant_of_the_backup_is_read_again_by_the_next(source: Path) -> None:
    series = Series(ahead=0)  # so nothing has been there for two seconds
    series.backup(source)
    again = series.backup(source)
    assert (again.made.counts.unchanged, again.made.counts.reread) == (3, 3)  # which turned out only then
    assert again.made.counts.read_bytes == 302_001
    series.clock.advance(3600)
    series.backup(source)
    assert series.backup(source).made.counts.read_bytes == 0


def test_a_file_from_the_future_is_read_every_time(source: Path) -> None:
    series = Series(ahead=-86_400)
    series.backup(source)
    for _ in range(2):
        assert series.backup(source).made.counts.read_bytes == 302_001


def test_another_content_under_the_same_size_and_times_is_found_by_rehash(source: Path) -> None:
    series = Series()
    series.backup(source)
    status = (source / "one").stat()
    assert series.backup(source, Options(rehash=1.0)).notices == []
    # What only a defect does: our record of the file says that it has not changed.
    (source / "one").write_bytes(b"X")
    os.utime(source / "one", ns=(status.st_atime_ns, status.st_mtime_ns))
    replace_ctime(series, b"one", (source / "one").stat().st_ctime_ns)
    assert series.files(series.backup(source))["one"].content == series.repository.keys.ids.content(b"1")
    found = series.backup(source, Options(rehash=1.0))
    assert found.notices == ["one has another content than before, although its size and times are the same"]
    assert series.content(series.files(found)["one"]) == b"X"
    assert (found.made.counts.reread, found.made.counts.changed) == (2, 1)


def test_rehash_reads_about_as_many_files_as_it_should(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(400):
        (source / str(number)).write_bytes(b"%d" % number)
    series = Series()
    series.backup(source)
    backed = series.backup(source, Options(rehash=0.25, chance=random.Random(8).random))
    assert 60 < backed.made.counts.reread < 140
    assert backed.made.counts.unchanged == 400
    assert_holds(series, backed, source)


def test_directories_with_more_entries_than_a_tree_takes_are_divided(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(4200):
        (source / f"name {number}").touch()
    series = Series()
    backed = series.backup(source)
    assert [os.fsdecode(entry.name) for entry in series.entries(backed.made.source.tree)] == sorted(os.listdir(source))
    (source / "name 77").write_bytes(b"now")
    again = series.backup(source)
    assert again.written.new_chunks <= 5  # content, two trees, perhaps two states
    assert again.made.counts.unchanged == 4199
    assert series.files(again)["name 77"].size == 3


def test_the_state_is_that_of_the_directories_there_are_and_only_its_changed_groups_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_WANTED", 400)  # bytes, so that there are several groups
    source = tmp_path / "source"
    for number in range(40):
        (source / str(number)).mkdir(parents=True)
    series = Series()
    before = series.backup(source).made.states
    assert len(before) > 8
    for number in (7, 13, 33):
        (source / str(number)).rmdir()
    after = series.backup(source).made.states
    known = {each.path for id in after for each in states.parse(series.reader.chunk(Use.STATE, id))}
    assert known == {b"", *(b"%d" % number for number in range(40) if number not in (7, 13, 33))}
    assert len(set(after) - set(before)) <= 4  # of those three and of the top


def test_attributes_of_the_top_are_kept_and_noticed_when_they_change(source: Path) -> None:
    series = Series()
    series.backup(source)
    source.chmod(0o711)
    has_xattrs = set_xattr(os.fsencode(source), "user.note", b"top")
    backed = series.backup(source)
    top = formats.decode_entry(backed.made.source.top, "top")
    assert top.mode == 0o711
    assert top.extra.xattrs == (((b"user.note", b"top"),) if has_xattrs else ())
    assert_holds(series, backed, source)


def test_attributes_of_unchanged_directories_are_taken_over(source: Path) -> None:
    if not set_xattr(os.fsencode(source / "sub"), "user.note", b"below"):
        pytest.skip("machine limit: no extended attributes here")
    series = Series()
    assert_holds(series, series.backup(source), source)
    (source / "one").write_bytes(b"new")  # so that the directory above is made anew
    backed = series.backup(source)
    assert series.files(backed)["sub"].extra.xattrs == ((b"user.note", b"below"),)


def test_a_file_that_gets_an_attribute_has_it_in_the_next_backup(source: Path) -> None:
    series = Series()
    series.backup(source)
    if not set_xattr(os.fsencode(source / "sub" / "two"), "user.note", b"x"):
        pytest.skip("machine limit: no extended attributes here")
    assert_holds(series, series.backup(source), source)


def test_progress_is_told_of_every_byte_and_name(source: Path) -> None:
    class Told(NoProgress):
        bytes = items = 0

        def advance(self, *, done_bytes: int = 0, done_items: int = 0) -> None:
            self.bytes += done_bytes
            self.items += done_items

    told = Told()
    (source / "huge").write_bytes(bytes(6_000_000))
    Series().backup(source, progress=told)
    assert (told.bytes, told.items) == (6_302_001, 5)


def test_owners_have_names(source: Path) -> None:
    backed = Series().backup(source)
    assert os.getuid() in backed.made.owners.users
    assert os.getgid() in backed.made.owners.groups


def replace_ctime(series: Series, name: bytes, ctime: int) -> None:
    """Make the last backup believe that ``name`` in the top directory had that ctime, and the directory its sight."""
    assert series.last is not None
    writer = ChunkWriter(series.repository, new_id(series.clock), series.index)
    changed = []
    for id in series.last.states:
        group = states.parse(series.reader.chunk(Use.STATE, id))
        for at, known in enumerate(group):
            if known.path == b"":
                names = [entry.name for entry in series.entries(known.tree)]
                ctimes = list(unpacked(known.ctimes))
                ctimes[names.index(name)] = ctime
                group[at] = msgspec.structs.replace(known, ctimes=packed(ctimes))
        changed.append(writer.store(Use.STATE, states.write(group)))
    needs = sorted({*series.last.needs, *writer.finish().needs})
    series.last = msgspec.structs.replace(series.last, states=changed, needs=needs)
