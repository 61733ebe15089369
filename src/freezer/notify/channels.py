"""All ways by which notices go out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

import msgspec

from freezer.errors import FreezerError, UsageError
from freezer.notify.mail import MailServer, Protection
from freezer.notify.notice import Notice
from freezer.notify.webhook import Webhook
from freezer.secret import Secret

_LOG = logging.getLogger(__name__)
_PORTS: dict[str, int] = {"starttls": 587, "tls": 465, "none": 25}


class Channel(Protocol):
    """A way to people; ``name`` is what messages call it."""

    @property
    def name(self) -> str: ...

    def send(self, notice: Notice) -> None:
        """Return when it has been taken over; FreezerError."""
        ...


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``[notify]``; ``webhooks`` are addresses. Nothing is sent where nothing is set."""

    webhooks: tuple[str, ...] = ()
    mail_server: str = ""
    mail_protection: Protection = "starttls"
    mail_from: str = ""
    mail_to: tuple[str, ...] = ()
    mail_user: str = ""
    mail_password_file: str = ""
    authorities: str = ""


def open_channels(settings: Settings) -> tuple[Channel, ...]:
    """The channels that are set; UsageError for what cannot be one. Nobody is asked anything yet."""
    found: list[Channel] = [Webhook(Secret.from_text(each), settings.authorities) for each in settings.webhooks]
    if settings.mail_server:
        found.append(_mail(settings))
    return tuple(found)


def announce(notice: Notice, channels: Sequence[Channel]) -> bool:
    """Write a notice to the log and send it by all channels; whether every one of them has taken it."""
    _LOG.log(logging.INFO if notice.over else logging.WARNING, "%s. %s", notice.title, notice.text)
    taken = True
    for channel in channels:
        try:
            channel.send(notice)
        except FreezerError as error:
            taken = False
            _LOG.error("notice not sent: %s", error.message)
    return taken


def _mail(settings: Settings) -> MailServer:
    if not settings.mail_from or not settings.mail_to:
        raise UsageError("[notify] mail_server needs mail_from and mail_to")
    if bool(settings.mail_user) != bool(settings.mail_password_file):
        raise UsageError("[notify] mail_user and mail_password_file belong together")
    host, colon, port = settings.mail_server.partition(":")
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise UsageError(f"[notify] mail_server: {settings.mail_server!r} is not HOST or HOST:PORT")
    return MailServer(
        host=host,
        port=int(port) if port else _PORTS[settings.mail_protection],
        protection=settings.mail_protection,
        sender=settings.mail_from,
        recipients=settings.mail_to,
        user=settings.mail_user,
        password=_password(settings.mail_password_file),
        authorities=settings.authorities,
    )


def _password(path: str) -> Secret | None:
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            password = file.read().rstrip(b"\r\n")
    except OSError as error:
        raise UsageError(f"[notify] mail_password_file {path}: {error.strerror}") from None
    if not password.isascii():
        raise UsageError(f"[notify] mail_password_file {path}: mail servers take passwords in ASCII only")
    return Secret(password)
