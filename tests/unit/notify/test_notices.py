"""Notices reach a webhook and a mail server, really, or it is told why not; no secret is told."""

from __future__ import annotations

import json
import logging
import ssl
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from freezer.errors import FreezerError, UsageError
from freezer.notify import Notice, Settings, announce, open_channels
from servers.tls import make_certificates
from support.small_http import Reply, Request, Server

NOTICE = Notice(
    event="client silent",
    project_id="p1",
    kind="client",
    id="c1",
    name="web1",
    text="web1 has not asked for work since 2026-11-22T01:00:00Z.",
    time=1_795_309_200,
)


class _Post:
    """What a mail server was given."""

    def __init__(self, refuse: str = "") -> None:
        self.mails: list[Any] = []
        self.refuse = refuse

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if address == self.refuse:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(envelope)
        return "250 OK"


class _Mail(Controller):
    """``address`` is that of a mail server; with ``tls`` and ``login`` nothing is taken without them."""

    def __init__(self, handler: _Post, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None) -> None:
        self._tls, self._login = tls, login
        super().__init__(handler, hostname="127.0.0.1", port=0)
        self.start()
        self.address = f"127.0.0.1:{self.port}"

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    def factory(self) -> SMTP:
        login = self._login

        def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
            given = (data.login.decode(), data.password.decode())
            return AuthResult(success=given == login, handled=False)

        return SMTP(
            self.handler,
            tls_context=self._tls,
            require_starttls=self._tls is not None,
            authenticator=check,
            auth_required=login is not None,
        )


@pytest.fixture
def hook() -> Iterator[tuple[str, list[Request], list[int]]]:
    """A webhook: its address, what it was sent, and the statuses of its next answers."""
    seen: list[Request] = []
    statuses: list[int] = []

    def take(request: Request) -> Reply:
        seen.append(request)
        return Reply(statuses.pop(0) if statuses else 204)

    server = Server(take, "")
    yield f"http://127.0.0.1:{server.server_address[1]}/hooks/s3cret?token=t0ken", seen, statuses
    server.close()


def _mail_settings(address: str, **more: Any) -> Settings:
    told: dict[str, Any] = {"mail_protection": "none", "mail_from": "freezer@example.org", **more}
    return Settings(mail_server=address, mail_to=("ops@example.org", "boss@example.org"), **told)


def _sent(settings: Settings) -> None:
    (channel,) = open_channels(settings)
    channel.send(NOTICE)


def test_a_webhook_is_posted_a_document_that_chat_servers_show(hook: Any) -> None:
    url, seen, _ = hook
    _sent(Settings(webhooks=(url,)))
    (request,) = seen
    assert (request.method, request.query) == ("POST", {"token": "t0ken"})
    document = json.loads(request.body)
    assert document["text"].startswith("client silent: client web1. web1 has not asked")
    assert {key: document[key] for key in ("event", "over", "kind", "id", "project_id")} == {
        "event": "client silent",
        "over": False,
        "kind": "client",
        "id": "c1",
        "project_id": "p1",
    }
    assert document["time"] == "2026-11-22T01:00:00Z"


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_does_not_take_it_is_told_without_its_address(hook: Any, status: int) -> None:
    url, _, statuses = hook
    statuses.append(status)
    with pytest.raises(FreezerError, match=f"webhook at 127.0.0.1 answered {status}") as caught:
        _sent(Settings(webhooks=(url,)))
    assert "s3cret" not in str(caught.value)


def test_a_webhook_that_is_not_there_is_told() -> None:
    with pytest.raises(FreezerError, match=r"webhook at 127\.0\.0\.1") as caught:
        _sent(Settings(webhooks=("http://127.0.0.1:9/s3cret",)))
    assert "s3cret" not in str(caught.value)


def test_mail_reaches_everybody_with_one_line_as_its_subject() -> None:
    post = _Post()
    server = _Mail(post)
    _sent(_mail_settings(server.address))
    server.stop()
    (envelope,) = post.mails
    assert envelope.mail_from == "freezer@example.org"
    assert envelope.rcpt_tos == ["ops@example.org", "boss@example.org"]
    mail = message_from_bytes(envelope.content, policy=default)
    assert mail["Subject"] == "[freezer] client silent: client web1"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "has not asked for work" in mail.get_content()


def test_mail_goes_over_tls_with_a_password_and_only_to_whom_it_trusts(tmp_path: Path) -> None:
    certificate, authority = make_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    (tmp_path / "password").write_text("pa55 word\n")
    post = _Post()
    server = _Mail(post, context, ("freezer", "pa55 word"))
    secure = {"mail_protection": "starttls", "mail_user": "freezer", "mail_password_file": str(tmp_path / "password")}
    _sent(_mail_settings(server.address, **secure, authorities=str(authority)))
    assert len(post.mails) == 1
    with pytest.raises(FreezerError, match="certificate"):
        _sent(_mail_settings(server.address, **secure))
    (tmp_path / "password").write_text("wrong-one")
    with pytest.raises(FreezerError, match="535") as caught:
        _sent(_mail_settings(server.address, **secure, authorities=str(authority)))
    assert "wrong-one" not in str(caught.value)
    server.stop()
    assert len(post.mails) == 1


def test_mail_to_a_server_without_tls_is_not_sent_in_clear_by_itself() -> None:
    post = _Post()
    server = _Mail(post)
    with pytest.raises(FreezerError, match="STARTTLS"):
        _sent(_mail_settings(server.address, mail_protection="starttls"))
    server.stop()
    assert post.mails == []


def test_an_address_that_the_server_refuses_is_told() -> None:
    server = _Mail(_Post(refuse="boss@example.org"))
    with pytest.raises(FreezerError, match=r"refuses boss@example\.org"):
        _sent(_mail_settings(server.address))
    server.stop()


def test_one_channel_that_fails_does_not_stop_the_others_and_the_log_has_it_in_any_case(
    hook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    url, seen, _ = hook
    channels = open_channels(Settings(webhooks=("http://127.0.0.1:9/", url)))
    with caplog.at_level(logging.INFO):
        assert not announce(NOTICE, channels)
    assert len(seen) == 1
    assert "client silent: client web1" in caplog.text
    assert "notice not sent: webhook at 127.0.0.1" in caplog.text
    assert announce(NOTICE, channels[1:])


def test_that_something_is_over_is_said(hook: Any) -> None:
    over = Notice(**{**{name: getattr(NOTICE, name) for name in NOTICE.__struct_fields__}, "over": True})
    assert over.title == "client silent is over: client web1"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(webhooks=("ftp://example.org",)), "webhook"),
        (Settings(webhooks=("s3cret",)), "webhook"),
        (Settings(mail_server="mail.example.org"), "mail_from and mail_to"),
        (_mail_settings("mail:0"), "HOST:PORT"),
        (_mail_settings("mail:x"), "HOST:PORT"),
        (_mail_settings("mail", mail_user="u"), "belong together"),
        (_mail_settings("mail", mail_user="u", mail_password_file="/no/such/file"), "No such file"),
    ],
)
def test_settings_that_cannot_be_are_told_before_anything_is_sent(settings: Settings, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        open_channels(settings)
    assert "s3cret" not in str(caught.value)


def test_a_password_that_mail_servers_cannot_be_told_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3crét")
    with pytest.raises(UsageError, match="ASCII") as caught:
        open_channels(_mail_settings("mail", mail_user="u", mail_password_file=str(tmp_path / "password")))
    assert "s3cr" not in str(caught.value)


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr("freezer.notify.mail._SECONDS", 0.2)
    silent = socket.create_server(("127.0.0.1", 0))
    with pytest.raises(FreezerError, match="timed out"):
        _sent(_mail_settings(f"127.0.0.1:{silent.getsockname()[1]}"))
    silent.close()
    assert threading.active_count() < 50
