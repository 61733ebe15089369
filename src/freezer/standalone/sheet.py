"""The recovery sheet: one page of text, and the same for a camera."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from freezer.clock import utc_text
from freezer.errors import NotBuiltError
from freezer.standalone.place import Place

if TYPE_CHECKING:
    from segno import QRCode

FORMAT = "freezer-recovery-1"
_BORDER = 2
_BLOCKS = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}


class Sheet(msgspec.Struct, frozen=True):
    """What a restore needs. ``made``: seconds since 1970; ``address``: the place as users write it."""

    machine: str
    place: Place
    address: str
    passphrase: str
    made: float


def page(sheet: Sheet) -> str:
    """The whole sheet, as text of at most 100 columns."""
    agent = f"--storage {'ssh' if sheet.place.host else 'local'} -C {shlex.quote(sheet.place.container)}"
    if sheet.place.host:
        user = f" --ssh-username {sheet.place.user}" if sheet.place.user else ""
        agent += f" \\\n      --ssh-host {sheet.place.host} --ssh-port {sheet.place.port}{user}"
    return _PAGE.format(
        machine=sheet.machine,
        date=utc_text(sheet.made)[:10],
        address=sheet.address,
        passphrase=sheet.passphrase,
        agent=agent,
        code="\n".join(code(sheet)),
    )


def code(sheet: Sheet) -> list[str]:
    """The lines of a QR code of place and passphrase, in half blocks."""
    return list(_halves(_qr(f"{FORMAT}\n{sheet.address}\n{sheet.passphrase}\n")))


def _qr(text: str) -> QRCode:
    try:
        import segno
    except ModuleNotFoundError:
        raise NotBuiltError(
            "freezer up needs segno, which is not installed", hint="pip install 'freezer[up]'"
        ) from None
    return segno.make(text, error="m", micro=False)


def _halves(found: QRCode) -> Iterator[str]:
    rows = [list(row) for row in found.matrix_iter(border=_BORDER)]
    for upper, lower in itertools.zip_longest(rows[::2], rows[1::2], fillvalue=[0] * len(rows[0])):
        yield "".join(_BLOCKS[int(bool(one)), int(bool(other))] for one, other in zip(upper, lower, strict=True))


_PAGE = """\
FREEZER RECOVERY SHEET                                  {machine}, {date}

With what stands here the backups can be restored when the machine is gone, and without it nobody can
restore them. Keep it on paper, away from the machine. Whoever has it and reaches the place can read
every backup.

  place        {address}
  passphrase   {passphrase}

On any machine that reaches the place:

  pip install freezer
  (umask 077; cat > passphrase.txt)        # type the passphrase, Enter, Ctrl-D
  freezer-agent list    --encrypt-pass-file passphrase.txt {agent}
  freezer-agent restore --encrypt-pass-file passphrase.txt {agent} \\
      --hostname {machine} -N NAME --restore-abs-path DIRECTORY

{code}
"""
