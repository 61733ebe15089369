"""``freezer-manage keystone register`` on a real Keystone: the service is found there, and may be entered again."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from freezer.cmd.manage.program import main
from servers import keystone
from servers.processes import free_ports
from servers.session import openstack
from support.runs import Run

Register = Callable[..., Run]


@pytest.fixture(scope="module")
def url() -> str:
    return str(openstack()["auth_url"])


@pytest.fixture
def region() -> str:
    """One that nothing else of this Keystone is in."""
    return f"Region{uuid.uuid4().hex[:8]}"


@pytest.fixture
def register(url: str, region: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Register:
    """Runs the command as the cloud's administrator, with a name and a user of this test alone."""

    def run(*words: str, password: str = "", **variables: str) -> Run:
        told = {
            "OS_AUTH_URL": url,
            "OS_USERNAME": "admin",
            "OS_PASSWORD": keystone.ADMIN,
            "OS_PROJECT_NAME": "admin",
            "OS_REGION_NAME": region,
            **variables,
        }
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.stdin", io.StringIO(password))
        capfd.readouterr()
        own = ["--name", f"freezer-{region}", "--user", f"freezer-{region}"]
        code = main(["keystone", "register", *words, *own])
        captured = capfd.readouterr()
        return Run(code, captured.out, captured.err)

    return run


def _endpoints(url: str, region: str) -> Mapping[str, str]:
    admin = keystone.Admin(url)
    found: Any = admin.ask("GET", f"/endpoints?region_id={region}")["endpoints"]
    return {each["interface"]: each["url"] for each in found}


def test_the_service_its_endpoints_and_its_user_are_entered_once(register: Register, url: str, region: str) -> None:
    done = register("http://api.example:9090/", "--admin-url", "http://10.0.0.1:9090", password="secret-of-it\n")
    assert done.code == 0, done.err
    entered = [line.split()[0] for line in done.out.splitlines()]
    assert entered == ["service", "region", "endpoint", "endpoint", "endpoint", "user", "role"]
    everywhere = "http://api.example:9090"
    wanted = {"public": everywhere, "internal": everywhere, "admin": "http://10.0.0.1:9090"}
    assert _endpoints(url, region) == wanted
    token = keystone.Admin(url).token(f"freezer-{region}", "secret-of-it", "service")
    assert token
    again = register("http://api.example:9090", "--admin-url", "http://10.0.0.1:9090")
    assert (again.code, again.out) == (0, ""), again.err
    assert "everything is there already" in again.err


def test_an_endpoint_that_has_moved_is_corrected(register: Register, url: str, region: str) -> None:
    assert register("http://old:9090", "--no-user").code == 0
    done = register("https://new:9090", "--no-user", "--internal-url", "http://old:9090")
    assert done.out.splitlines() == [
        "endpoint public https://new:9090, which was http://old:9090",
        "endpoint admin https://new:9090, which was http://old:9090",
    ]
    assert _endpoints(url, region)["internal"] == "http://old:9090"


def test_whoever_may_not_do_that_is_told_so(register: Register, region: str, url: str) -> None:
    refused = register("http://a:9090", OS_USERNAME="demo", OS_PASSWORD="demo", OS_PROJECT_NAME="demo")
    assert refused.code == 1
    assert "forbids user demo" in refused.err
    assert _endpoints(url, region) == {}


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (["controller:9090"], {}, "is no address of a server"),
        (["http://a:9090"], {"OS_PASSWORD": "wrong"}, "the name or the password is wrong"),
        (["http://a:9090"], {"OS_AUTH_URL": ""}, "OS_AUTH_URL is missing"),
        (["http://a:9090", "--role", "nosuch"], {}, "Keystone has no role nosuch"),
        (["http://a:9090"], {}, "the password is empty"),
    ],
)
def test_a_mistake_is_one_line(register: Register, words: list[str], variables: dict[str, str], said: str) -> None:
    refused = register(*words, **variables)
    assert refused.code in {1, 2}
    assert said in refused.err
    assert "Traceback" not in refused.err


def test_a_keystone_that_is_away_is_told(register: Register) -> None:
    refused = register("http://a:9090", OS_AUTH_URL=f"http://127.0.0.1:{free_ports(1)[0]}/v3")
    assert refused.code == 1
    assert "cannot be reached: Connection refused" in refused.err
