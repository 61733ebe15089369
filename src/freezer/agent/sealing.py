"""How a new backup is encrypted.

A chain keeps its cipher until its next level 0. New chains with a passphrase are authenticated (AES-256-GCM frames)
unless ``--encryption aes-256-cfb`` asks for what upstream reads; a set that has authenticated backups is not taken back
to anything weaker without ``--allow-unauthenticated``.
"""

from __future__ import annotations

import msgspec

from freezer.agent.context import Context
from freezer.container.catalogue import Catalogue
from freezer.container.document import CFB, GCM_STREAM, Base, Record, Role, Seal, associated_data
from freezer.container.layout import BackupKey, SetId
from freezer.crypto.authentication import authenticate
from freezer.crypto.cfb import CfbEncryptor
from freezer.crypto.chainkey import ChainKey, KdfParameters
from freezer.crypto.contract import Sealer
from freezer.crypto.passphrase import Passphrase, read_pass_file
from freezer.crypto.sealed import SealWriter, seal
from freezer.errors import DataError, PassphraseError, UsageError


def load_passphrase(context: Context) -> Passphrase | None:
    """The passphrase of this run, if there is one."""
    path = context.settings.optional_text("encrypt_pass_file")
    if path is None:
        return None
    return read_pass_file(path, allow_readable_by_others=context.settings.flag("trust_pass_file_permissions"))


class Sealing(msgspec.Struct, frozen=True):
    """The cipher of one backup (None: in clear) and what seals its objects."""

    cipher: str | None
    passphrase: Passphrase | None = None
    chain_key: ChainKey | None = None

    def sealer(self, key: BackupKey, base: Base | None, role: Role) -> Sealer | None:
        """What encrypts the stream of object ``role``; None if it is stored in clear."""
        if self.chain_key is not None:
            return SealWriter(self.chain_key, associated_data(key, base, role))
        if self.cipher == CFB and self.passphrase is not None and role == "data":
            return CfbEncryptor(self.passphrase.openssl)
        return None

    def seal(self, plain: bytes, key: BackupKey, base: Base | None, role: Role) -> bytes:
        """A small object sealed whole; as it is where the cipher covers only the data (upstream's)."""
        if self.chain_key is None:
            return plain
        return seal(self.chain_key, plain, associated_data(key, base, role))

    def authenticate(self, document: bytes, key: BackupKey, base: Base | None) -> str | None:
        """The authenticator of the record, where the cipher has one."""
        if self.chain_key is None:
            return None
        return authenticate(self.chain_key, document, associated_data(key, base, "record"))

    def parameters(self) -> Seal | None:
        """What the record says of the key's derivation."""
        if self.chain_key is None:
            return None
        costs = self.chain_key.parameters
        return Seal(salt=self.chain_key.salt.hex(), memory=costs.memory_kib, iterations=costs.iterations)


def wanted_cipher(context: Context, passphrase: Passphrase | None) -> str | None:
    """The cipher that the options ask for a new chain."""
    wish = context.settings.text("encryption")
    if passphrase is None:
        if wish != "auto":
            raise UsageError(f"--encryption {wish} needs --encrypt-pass-file")
        return None
    return CFB if wish == CFB else GCM_STREAM


def keeps_chain(base: Record, wanted: str | None, *, asked: bool) -> str | None:
    """Why an increment with cipher ``wanted`` cannot stand on ``base``; None if it can.

    ``asked``: the cipher was named, not left to ``auto``, which keeps a chain in its cipher.
    """
    if wanted is None and base.cipher is not None:
        raise PassphraseError(
            "the chain to continue is encrypted and there is no passphrase",
            hint="give --encrypt-pass-file, or begin a chain in clear: --no-incremental --allow-unauthenticated",
        )
    if base.cipher is None and wanted is not None:
        return "the newest chain is not encrypted and a passphrase was given"
    if asked and base.cipher != wanted:
        return f"the newest chain is encrypted with {base.cipher}, not with the --encryption that was asked for"
    return None


def refuse_downgrade(context: Context, catalogue: Catalogue, set_id: SetId, cipher: str | None) -> None:
    """:class:`UsageError` if the set has authenticated backups and this one would not be."""
    if cipher == GCM_STREAM or context.settings.flag("allow_unauthenticated"):
        return
    for backup in catalogue.backups:
        if backup.key.set != set_id:
            continue
        try:
            record = catalogue.record(backup)
        except DataError:
            continue
        if record is not None and record.cipher == GCM_STREAM:
            what = "in clear" if cipher is None else f"with {cipher}, which is not authenticated"
            raise UsageError(
                f"{set_id.name} has authenticated backups; this one would be stored {what}",
                hint="give the passphrase without --encryption, or add --allow-unauthenticated",
            )


def make_sealing(cipher: str | None, passphrase: Passphrase | None, base: Record | None) -> Sealing:
    """What encrypts a backup with ``cipher``; an increment uses the key of its chain."""
    if cipher is None or passphrase is None:
        return Sealing(None)
    if cipher == CFB:
        return Sealing(CFB, passphrase)
    seal_of_base = base.freezer.seal if base is not None and base.freezer is not None else None
    if seal_of_base is None:
        return Sealing(cipher, passphrase, ChainKey.new(passphrase))
    parameters = KdfParameters(seal_of_base.memory, seal_of_base.iterations)
    return Sealing(cipher, passphrase, ChainKey.derive(passphrase, bytes.fromhex(seal_of_base.salt), parameters))
