"""Names and numbers of owners."""

from __future__ import annotations

import grp
import os
import pwd

from freezer.tree.owners import group_id, group_name, user_id, user_name


def test_names_and_numbers_of_this_system_are_found_both_ways() -> None:
    me = pwd.getpwuid(0)
    assert user_name(0) == me.pw_name
    assert user_id(me.pw_name) == 0
    group = grp.getgrgid(os.getgid())
    assert group_name(group.gr_gid) == group.gr_name
    assert group_id(group.gr_name) == group.gr_gid


def test_unknown_owners_have_no_name_and_no_number() -> None:
    assert user_name(4_000_000_000) == ""
    assert group_name(2**40) == ""
    for name in ("", "no such user", "a\0b"):
        assert user_id(name) is None
        assert group_id(name) is None
