"""Notices as e-mail, through one server."""

from __future__ import annotations

import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Literal

import msgspec

from freezer.clock import utc_text
from freezer.errors import FreezerError
from freezer.notify.notice import Notice
from freezer.secret import Secret

Protection = Literal["starttls", "tls", "none"]
PROTECTIONS = ("starttls", "tls", "none")
_SECONDS = 20.0


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail is handed over, from whom and to whom; ``authorities``: a PEM file with whose certificates are
    taken, the system's if it is empty."""

    host: str
    port: int
    protection: Protection
    sender: str
    recipients: tuple[str, ...]
    user: str = ""
    password: Secret | None = None
    authorities: str = ""

    @property
    def name(self) -> str:
        return f"mail server {self.host}:{self.port}"

    def send(self, notice: Notice) -> None:
        """Hand it over; FreezerError unless the server has taken it for everybody."""
        try:
            with self._connection() as connection:
                refused = connection.send_message(message(notice, self.sender, self.recipients))
        except smtplib.SMTPNotSupportedError as error:
            raise FreezerError(f"{self.name}: {error}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise FreezerError(f"{self.name}: {_told(error)}") from None
        if refused:
            raise FreezerError(f"{self.name} refuses {', '.join(sorted(refused))}")

    def _connection(self) -> smtplib.SMTP:
        context = ssl.create_default_context(cafile=self.authorities or None)
        connection: smtplib.SMTP
        if self.protection == "tls":
            connection = smtplib.SMTP_SSL(self.host, self.port, timeout=_SECONDS, context=context)
        else:
            connection = smtplib.SMTP(self.host, self.port, timeout=_SECONDS)
        try:
            if self.protection == "starttls":
                connection.starttls(context=context)
            if self.password is not None:
                connection.login(self.user, self.password.reveal().decode("ascii"))
        except BaseException:
            connection.close()
            raise
        return connection


def message(notice: Notice, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """The notice as a mail that no vacation programme answers."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = f"[freezer] {notice.title}"
    mail["Date"] = format_datetime(datetime.fromtimestamp(notice.time, UTC))
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or "freezer")
    mail["Auto-Submitted"] = "auto-generated"
    about = f"{notice.kind} {notice.id}" + (f" ({notice.name})" if notice.name and notice.name != notice.id else "")
    lines = (notice.text, "", about, f"project {notice.project_id}", f"since {utc_text(notice.time)}", "")
    mail.set_content("\n".join(lines))
    return mail


def _told(error: Exception) -> str:
    """What the server said, without what we sent it."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"{error.smtp_code} {said}".splitlines()[0]
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"refuses {', '.join(sorted(error.recipients))}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
