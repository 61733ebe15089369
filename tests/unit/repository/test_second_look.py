"""What a storage answers wrongly for once is no damage; what it answers wrongly again is."""

from __future__ import annotations

import pytest

from freezer.errors import DamagedError, ObjectNotFound
from freezer.repository.second_look import second_look


class Looks:
    """Finds one after the other of these: an error is raised, a text is given."""

    def __init__(self, *findings: Exception | str) -> None:
        self.left = list(findings)

    def __call__(self) -> str:
        found = self.left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def test_what_is_right_is_looked_at_once() -> None:
    looks = Looks("right", "never asked for")
    assert second_look(looks) == "right"
    assert looks.left == ["never asked for"]


def test_what_was_wrong_for_once_is_right() -> None:
    assert second_look(Looks(DamagedError("half of it"), "right")) == "right"


def test_what_is_wrong_again_is_damaged() -> None:
    with pytest.raises(DamagedError, match="second"):
        second_look(Looks(DamagedError("first"), DamagedError("second"), "too late"))


def test_nothing_but_damage_is_looked_at_again() -> None:
    looks = Looks(ObjectNotFound("it is gone"), "right")
    with pytest.raises(ObjectNotFound):
        second_look(looks)
    assert looks.left == ["right"]
