"""A stored level opened for reading, whatever its layout, compression and cipher."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

from freezer.container.catalogue import Catalogue
from freezer.container.chain import StoredBackup
from freezer.container.document import (
    CFB,
    GCM_STREAM,
    Names,
    Record,
    Role,
    associated_data,
    canonical_bytes,
    decode_names,
)
from freezer.crypto.authentication import verify_authentication
from freezer.crypto.cfb import MAGIC as SALTED
from freezer.crypto.cfb import CfbDecryptor
from freezer.crypto.contract import Unsealer
from freezer.crypto.passphrase import Passphrase
from freezer.crypto.sealed import SealReader, unseal
from freezer.engine.tar.archive.snapshot import decode as decode_snapshot
from freezer.errors import DamagedError, PassphraseError, UnknownFormat
from freezer.storage.ahead import read_ahead
from freezer.storage.contract import Storage
from freezer.stream.compression import Codec
from freezer.stream.decompression import detect
from freezer.stream.digest import Digest
from freezer.stream.source import ByteSource

_PIECE = 4 << 20  # bytes that one call reads at most, two of which are in memory at a time


class Archive:
    """One backup of a catalogue; ``passphrase`` None for backups in clear."""

    def __init__(self, catalogue: Catalogue, backup: StoredBackup, passphrase: Passphrase | None) -> None:
        self._storage = catalogue.storage
        self._passphrase = passphrase
        self.backup = backup
        self.record = catalogue.record(backup)
        self.cipher = self._cipher()
        self._verify_record()

    @property
    def authenticated(self) -> bool:
        """Whether damage anywhere in it is certain to be noticed."""
        return self.cipher == GCM_STREAM

    @property
    def plain_size(self) -> int:
        """Bytes of the archive as the record has them, 0 if it says nothing."""
        return self.record.freezer.data.plain_size if self.record is not None and self.record.freezer is not None else 0

    def open(self) -> AbstractContextManager[ByteSource]:
        """The archive's plain bytes from the beginning."""
        details = self.record.freezer if self.record is not None else None
        return ByteSource(
            self._chunks(),
            codec=self._codec(),
            unsealer=self._unsealer(),
            stored_size=details.data.size if details is not None else None,
            sha256=details.data.sha256 if details is not None else None,
        )

    def state(self) -> bytes:
        """What the next level is made from (``engine_metadata``)."""
        return self.open_state(self.stored_state())

    def stored_state(self) -> bytes:
        """The same as it is stored; :class:`DamagedError` if it is not what was written, as far as the record tells."""
        if self.backup.state is None:
            raise DamagedError(f"the state of {self.backup.key} is missing")
        stored = self._storage.get(self.backup.state.name)
        details = self.record.freezer if self.record is not None else None
        if details is not None and details.state is not None:
            digest = Digest()
            digest.update(stored)
            if digest.hexdigest() != details.state.sha256:
                raise DamagedError("its state is not what was written: its SHA-256 differs")
        return stored

    def open_state(self, stored: bytes) -> bytes:
        """The state whose stored form is ``stored``."""
        if self.cipher != GCM_STREAM:
            return stored
        return unseal(self._key(), stored, self._associated("state"))

    def check_passphrase(self) -> None:
        """:class:`PassphraseError` if the passphrase is not the one of a backup that is not authenticated, and whose
        record could therefore not tell."""
        if self.cipher == CFB and self._passphrase is not None:
            decryptor = CfbDecryptor(self._key().openssl, _compressed)
            for part in (self.backup.segments or (self.backup.data,))[:1]:
                b"".join(decryptor.update(self._storage.get(part.name, 0, 4096)))

    def check_state(self) -> None:
        """:class:`DamagedError` if the state is not what was written."""
        if self.backup.state is not None:
            decode_snapshot(self.state())

    def names(self) -> Names:
        """The paths that the record mentions, opened where they are sealed; none for other programs' records."""
        details = self.record.freezer if self.record is not None else None
        if details is None:
            return Names()
        if details.private is not None:
            opened = unseal(self._key(), details.private, self._associated("private"))
            return decode_names(opened, str(self.backup.key))
        return details.names or Names()

    def _cipher(self) -> str | None:
        if self.record is not None:
            return self.record.cipher
        return CFB if self._head().startswith(SALTED) else None

    def _head(self) -> bytes:
        return self._storage.get(self.backup.data.name, 0, 16)

    def _codec(self) -> Codec:
        """As recorded; the legacy layout records nothing, so the first bytes must tell."""
        if self.record is not None:
            name = self.record.compression or Codec.NONE
            try:
                return Codec(name)
            except ValueError:
                raise UnknownFormat(f"{self.backup.key} is compressed with {name!r}, which is unknown here") from None
        head = self._head()
        if self.cipher == CFB:
            decryptor = CfbDecryptor(self._key().openssl, _compressed)
            stored = self._storage.get(self.backup.data.name, 0, 4096)
            head = b"".join(decryptor.update(stored)) or head
        codec = detect(head)
        if codec is None:
            raise UnknownFormat(f"the compression of {self.backup.key} cannot be told from its first bytes")
        return codec

    def _unsealer(self) -> Unsealer | None:
        if self.cipher == GCM_STREAM:
            return SealReader(self._key(), self._associated("data"))
        if self.cipher == CFB:
            return CfbDecryptor(self._key().openssl, _compressed)
        return None

    def _key(self) -> Passphrase:
        if self._passphrase is None:
            raise PassphraseError(
                f"{self.backup.key} is encrypted and there is no passphrase", hint="give it with --encrypt-pass-file"
            )
        return self._passphrase

    def _associated(self, role: Role) -> bytes:
        details = self.record.freezer if self.record is not None else None
        return associated_data(self.backup.key, details.base if details is not None else None, role)

    def _verify_record(self) -> None:
        """An authenticated record must carry, and pass, its authentication as soon as there is a passphrase."""
        details = self.record.freezer if self.record is not None else None
        if self.cipher != GCM_STREAM or self.record is None or details is None or self._passphrase is None:
            return
        if details.mac is None:
            raise DamagedError(f"the record of {self.backup.key} has lost its authentication")
        try:
            verify_authentication(
                self._passphrase, canonical_bytes(self.record), self._associated("record"), details.mac
            )
        except PassphraseError:
            raise PassphraseError(f"the passphrase is not the one of {self.backup.key}") from None
        except DamagedError:
            raise DamagedError(
                f"the record of {self.backup.key} was altered after it was written, or belongs elsewhere"
            ) from None

    def _chunks(self) -> Iterator[bytes]:
        for part in self.backup.segments or (self.backup.data,):
            yield from read_pieces(self._storage, part.name, part.size)


def read_pieces(storage: Storage, name: str, size: int) -> Iterator[bytes]:
    """The object in pieces of a few MiB; :class:`DamagedError` if it ends before ``size``."""
    most = min(_PIECE, storage.capabilities.call_size)
    offset = 0
    for piece in read_ahead(storage, name, size, most):
        if len(piece) < min(most, size - offset):
            raise DamagedError(f"{name} ends after {offset + len(piece)} of {size} bytes")
        yield piece
        offset += len(piece)


def _compressed(head: bytes) -> bool:
    return detect(head) is not None


def is_ours(record: Record | None) -> bool:
    """Whether Freezer itself wrote the backup (another program's lists name sockets and unreadable files too)."""
    return record is not None and record.freezer is not None
