"""Who may do what: the table in the documentation, cell by cell, for every operation that the server has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from freezer.api.describe.operation import Operation, filled
from freezer.api.server import everything
from support.api import Person, serving
from support.houses import MAKING, SECRET, House, house
from support.people import password_entry, person, shared
from support.wsgi import Answer, InProcess

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "permissions.md"
_ROW = re.compile(r"\| `(GET|HEAD|POST|PUT|PATCH|DELETE) (/[^`]*)` \|(.*)\|")
_COLUMNS = ("administrator", "member", "reader", "service", "another project", "no token")
_OPERATIONS = {(method, path): declared for path, method, declared in everything().operations()}
_GUARDED = [each for each in _OPERATIONS if each[1].startswith(("/v1", "/v2"))]


def _table() -> dict[tuple[str, str], tuple[str, ...]]:
    rows: dict[tuple[str, str], tuple[str, ...]] = {}
    for line in PAGE.read_text().splitlines():
        found = _ROW.fullmatch(line.strip())
        if found is not None:
            assert (found[1], found[2]) not in rows, line
            rows[found[1], found[2]] = tuple(cell.strip() for cell in found[3].split("|"))
    return rows


_TABLE = _table()


def test_every_operation_has_a_row_and_every_row_an_operation() -> None:
    assert set(_TABLE) == set(_OPERATIONS), f"{PAGE.name}: {set(_TABLE) ^ set(_OPERATIONS)}"
    assert all(len(cells) == len(_COLUMNS) for cells in _TABLE.values())


def test_every_thing_that_paths_name_can_be_made() -> None:
    named = {name for _, path in _OPERATIONS for name in re.findall(r"\{(\w+)\}", path)} - {"project_id"}
    assert named <= set(MAKING), f"support.houses.MAKING lacks {named - set(MAKING)}"


def _version(path: str) -> str:
    return "v1" if path.startswith("/v1") else "v2"


@cache
def _kept(version: str) -> House:
    return house(version)


def _sent(who: Person | None, method: str, path: str, declared: Operation, home: House, project: str) -> Answer:
    """The operation's own example, about the things of ``home``, below the path of ``project``."""
    ids = {**home.ids, "project_id": project}
    body = filled(declared.example_of(old=_version(path) == "v1"), ids)
    headers = {} if who is None else who.headers()
    if who is None:
        headers = {"X-Identity-Status": "Invalid"}
    return shared().send(method, path.format_map(ids), body, **headers)


def _cells() -> Iterator[object]:
    for (method, path), cells in _TABLE.items():
        for column, cell in zip(_COLUMNS, cells, strict=False):
            if (method, path) in _OPERATIONS and not path.startswith("/identity"):
                yield pytest.param(method, path, column, cell, id=f"{method} {path} {column}")


@pytest.mark.parametrize(("method", "path", "column", "cell"), list(_cells()))
def test_everybody_is_answered_as_the_table_says(method: str, path: str, column: str, cell: str) -> None:
    declared = _OPERATIONS[method, path]
    version = _version(path)
    home = house(version) if method != "GET" and cell == "yes" else _kept(version)
    answer = _sent(home.visitors()[column], method, path, declared, home, home.owner.project)
    if cell == "yes":
        assert answer.status in declared.answers, answer
        assert answer.status < 400, answer
    else:
        assert answer.status == int(cell), answer
        assert SECRET.encode() not in answer.body


@pytest.mark.parametrize(("method", "path"), [pytest.param(*each, id=" ".join(each)) for each in _GUARDED])
def test_a_stranger_sees_and_changes_nothing_of_others_below_its_own_path(method: str, path: str) -> None:
    home = _kept(_version(path))
    before = home.rows(shared().database)
    stranger = person(version=home.owner.version)
    if method == "POST" and "client_id" in str(_OPERATIONS[method, path].example):
        stranger.client("own")
    answer = _sent(stranger, method, path, _OPERATIONS[method, path], home, stranger.project)
    told = [each for each in re.findall(r"\{(\w+)\}", path) if each != "project_id"]
    for_nobody = {403} if "403" in _TABLE[method, path][0] else set()  # what not even administrators may
    expected = {404, 409, 422, 400, *for_nobody} if told else {*_OPERATIONS[method, path].answers, 422, 403}
    assert answer.status in expected, answer
    if answer.status < 400:
        assert SECRET.encode() not in answer.body
        assert not any(each.encode() in answer.body for name, each in home.ids.items() if name != "client_id")
    assert home.rows(shared().database) == before


_USERS = "".join(
    f'[users.{name}]\nproject = "house"\nroles = ["{role}"]\n'
    for name, role in (("administrator", "admin"), ("member", "member"), ("reader", "reader"), ("service", "service"))
)


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory) -> InProcess:
    """A server that asks for passwords, which are the names of the users."""
    folder = tmp_path_factory.mktemp("basic")
    users = _USERS + '[users.stranger]\nproject = "elsewhere"\n'
    names = re.findall(r"\[users\.(\w+)\]", users)
    (folder / "htpasswd").write_text("".join(password_entry(name, name) for name in names))
    (folder / "users.toml").write_text(users)
    places = {"passwords": folder / "htpasswd", "users": folder / "users.toml", "token_key": folder / "key"}
    return serving(folder, auth="basic", **{key: str(path) for key, path in places.items()})


@pytest.mark.parametrize(
    ("method", "path"), [pytest.param(*each, id=" ".join(each)) for each in _TABLE if each[1].startswith("/identity")]
)
def test_everybody_may_log_in_whom_the_server_knows(basic: InProcess, method: str, path: str) -> None:
    for column, cell in zip(_COLUMNS, _TABLE[method, path], strict=True):
        name = {"another project": "stranger", "no token": "nobody"}.get(column, column)
        by_password = {"methods": ["password"], "password": {"user": {"name": name, "password": name}}}
        login = {"auth": {"identity": by_password}}
        token = basic.send("POST", "/identity/v3/auth/tokens", login).headers.get("x-subject-token", "")
        tokens = {"X_Auth_Token": token, "X_Subject_Token": token}
        answer = basic.send(method, path, login if method == "POST" else None, **tokens)
        assert answer.status in _OPERATIONS[method, path].answers, answer
        assert (cell == "yes") == (answer.status < 400), (column, answer)
        assert cell in {"yes", str(answer.status)}
