"""``freezer invite``: a token by which another machine joins."""

from __future__ import annotations

import base64
import binascii

import msgspec

from freezer.client import Api
from freezer.crypto.certificate import fingerprint
from freezer.decoding import json_decoder
from freezer.errors import UsageError
from freezer.standalone import files
from freezer.standalone.home import Home, Plan

_PREFIX = "fzj1."


class Invitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``url`` of the project at the API, the SHA-256 ``certificate`` of its server, and the ``token`` of an enrolment.
    There is no key to any backup in it."""

    url: str
    certificate: str
    token: str


def write_token(invitation: Invitation) -> str:
    """As one word."""
    return _PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(invitation)).rstrip(b"=").decode()


def read_token(text: str) -> Invitation:
    """UsageError if it is not whole."""
    word = text.strip()
    try:
        if not word.startswith(_PREFIX):
            raise ValueError
        raw = base64.urlsafe_b64decode(word.removeprefix(_PREFIX) + "==")
        return json_decoder(Invitation).decode(raw)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        hint = "it is one word that begins with fzj1., made by `freezer invite` on the first machine"
        raise UsageError("this is no join token, or a part of it is missing", hint=hint) from None


def invite(api: Api, home: Home, plan: Plan, hours: int) -> tuple[str, float]:
    """A token for one machine, and until when it is good (seconds since 1970)."""
    if plan.kind != "first":
        raise UsageError(f"{home.path} has joined {plan.url}: other machines are invited there")
    if not plan.host:
        raise UsageError("other machines cannot reach the API", hint="freezer up --listen lets them, by TLS")
    offered = api.enrolments.offer(hours)
    certificate = fingerprint(files.read(home.certificate) or "")
    return write_token(Invitation(plan.url, certificate, str(offered["token"]))), float(offered["expires"])
