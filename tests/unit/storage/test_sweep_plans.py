"""What of a container's files a sweep takes: all that the dead left, and nothing else."""

from __future__ import annotations

import posixpath

from hypothesis import given
from hypothesis import strategies as st

from freezer.storage.files.names import is_temp
from freezer.storage.files.sweep import Found, plan_sweep

ROOT = b"/box"
NOW = 1000.0
NAMES = st.sampled_from([b"a", b"b", b".freezer-tmp-1", b".freezer-tmp-2"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: b"/".join([ROOT, *names]))


def file(path: bytes, modified: float | None = 1.0) -> Found:
    return Found(ROOT + b"/" + path, is_file=True, is_folder=False, modified=modified)


def folder(path: bytes, modified: float | None = 1.0) -> Found:
    return Found(ROOT + b"/" + path, is_file=False, is_folder=True, modified=modified)


def link(path: bytes) -> Found:
    return Found(ROOT + b"/" + path, is_file=False, is_folder=False, modified=1.0)


def planned(*found: Found, spared: frozenset[bytes] = frozenset()) -> list[str]:
    return [each.shown(ROOT) for each in plan_sweep(found, ROOT, NOW, spared)]


def test_old_temporaries_go_and_what_is_young_spared_a_link_or_of_unknown_age_stays():
    assert planned(file(b".freezer-tmp-1")) == [".freezer-tmp-1"]
    assert planned(file(b".freezer-tmp-1"), spared=frozenset([ROOT + b"/.freezer-tmp-1"])) == []
    assert planned(file(b".freezer-tmp-1", NOW), file(b".freezer-tmp-2", None), link(b".freezer-tmp-3")) == []


def test_folders_go_once_they_are_empty_and_what_is_in_them_goes_first():
    found = [folder(b"a"), folder(b"a/b"), file(b"a/b/.freezer-tmp-1")]
    assert planned(*found) == ["a/b/.freezer-tmp-1", "a/b/", "a/"]
    assert planned(*found, file(b"a/object")) == ["a/b/.freezer-tmp-1", "a/b/"]


def test_a_tree_that_still_grows_is_spared_as_a_whole():
    tree = [folder(b".freezer-tmp-1"), file(b".freezer-tmp-1/old"), file(b".freezer-tmp-1/young", NOW)]
    assert planned(*tree) == []
    assert planned(*tree[:2]) == [".freezer-tmp-1/old", ".freezer-tmp-1/"]


def test_what_file_systems_have_by_themselves_is_left_alone():
    assert planned(folder(b"lost+found"), file(b"lost+found/.freezer-tmp-1")) == []


@given(st.dictionaries(PATHS, st.tuples(st.booleans(), st.sampled_from([1.0, NOW, None])), max_size=12))
def test_no_plan_takes_an_object_or_a_folder_with_something_left_in_it(tree):
    found = [
        Found(path, is_file=is_file, is_folder=not is_file, modified=when) for path, (is_file, when) in tree.items()
    ]
    goes = plan_sweep(found, ROOT, NOW, ())
    gone: set[bytes] = set()
    for each in goes:
        parts = each.path[len(ROOT) + 1 :].split(b"/")
        assert each.is_folder or any(map(is_temp, parts))
        assert tree[each.path][1] == 1.0
        left = {path for path in tree if posixpath.dirname(path) == each.path} - gone
        assert not each.is_folder or not left
        gone.add(each.path)
