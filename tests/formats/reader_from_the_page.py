"""Restores the backups of a repository of version 1, knowing nothing but ``docs/formats/repository.md``.

It imports nothing of Freezer, so that it shows whether the page is enough to get at one's data without it:

    python reader_from_the_page.py CONTAINER              lists the backups
    python reader_from_the_page.py CONTAINER ID TARGET    restores one; the passphrase is in $PASSPHRASE

It trusts that nobody else writes to TARGET meanwhile.
"""

from __future__ import annotations

import hmac
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

import blake3
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ID = 20
FILE, DIRECTORY, SYMLINK, FIFO, CHARACTER, BLOCK = 1, 2, 3, 4, 5, 6
CONTENT, TREE, LIST = "content", "tree", "list"


def check(good: bool, what: str) -> None:
    if not good:
        raise ValueError(what)


def unpack(data: bytes) -> Any:
    return msgspec.msgpack.decode(data, strict=False)


def hkdf(key: bytes, label: bytes) -> bytes:
    return HKDF(SHA256(), 32, b"", label).derive(key)


def digest(data: bytes, key: bytes | None = None) -> bytes:
    return blake3.blake3(data, key=key).digest()


def unseal(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    return AESGCM(key).decrypt(nonce, sealed, associated)


def verify(public_key: bytes, signature: bytes, message: bytes) -> None:
    Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)


class Reader:
    """A repository in a directory, opened with a passphrase (a machine secret if ``machine``; None if it is public)."""

    def __init__(self, container: Path, passphrase: bytes | None, *, machine: bool = False, footers: bool = False):
        self.top = container / "freezer-dedup"
        written = self.raw("config")
        self.config = json.loads(written)
        for field, known in (("format", "freezer repository"), ("version", 1), ("cipher", "aes-256-gcm")):
            check(self.config[field] == known, f"{field} is {self.config[field]}")
        self.id = bytes.fromhex(self.config["repository"])
        ring, role_key, public = self.role_key(passphrase, machine)
        of_role = [name for name in self.names("rings") if name.startswith(f"rings/{ring}-")]
        newest = max(of_role, key=lambda name: int(name.rpartition("-")[2]))
        fields = self.envelope("ring", newest, role_key)
        _, config, open, self.identity, epochs, self.authority = fields[:6]
        check(config == digest(written), "the config was changed")
        check(open == public == (not self.config["encrypted"]), "a slot that the owner did not make")
        self.epochs = {each[0]: each for each in epochs}
        self.keys = {use: hkdf(self.identity, b"freezer id " + use.encode()) for use in (CONTENT, TREE, LIST)}
        self.places: dict[bytes, Any] = {}
        self.bundles: dict[Any, bytes] = {}
        for record in self.footers() if footers else self.index():
            self.learn(*record)

    def raw(self, name: str) -> bytes:
        return (self.top / name).read_bytes()

    def names(self, folder: str) -> list[str]:
        path = self.top / folder
        return [f"{folder}/{each.name}" for each in sorted(path.iterdir())] if path.is_dir() else []

    def prefix(self, kind: str, name: str) -> bytes:
        return b"freezer repository 1\0" + self.id + kind.encode() + b"\0" + name.encode()

    def role_key(self, secret: bytes | None, machine: bool) -> tuple[str, bytes, bool]:
        for name in self.names("keys"):
            slot = json.loads(self.raw(name))
            check((slot["format"], slot["version"]) == ("freezer slot", 1), f"{name} is of another version")
            how, sealed = slot["derivation"], bytes.fromhex(slot["sealed"])
            if how["name"] == "public" and secret is None:
                return slot["ring"], sealed, True
            if secret is None or how["name"] != ("hkdf" if machine else "argon2id"):
                continue  # it opens with something else
            salt = bytes.fromhex(how["salt"])
            if machine:
                key = hkdf(secret + salt, b"freezer slot")
            else:
                cost = {"iterations": how["passes"], "lanes": how["lanes"], "memory_cost": how["memory"]}
                key = Argon2id(salt=salt, length=32, **cost).derive(secret)
            try:
                role = unseal(key, bytes.fromhex(slot["nonce"]), sealed, self.prefix("slot", name))
            except Exception:
                continue
            return slot["ring"], role, False
        raise ValueError("nothing opens with this")

    def envelope(self, kind: str, name: str, key: bytes | None = None) -> Any:
        raw = self.raw(name)
        check(raw[:9] == b"\x89FZREPO\n\1", f"{name} is no object of version 1")
        key = key or self.epochs[int.from_bytes(raw[12:16], "big")][2]  # the metadata key
        label = b"freezer object " + kind.encode() + b"\0" + name.encode()
        content = unseal(hkdf(key, label), raw[16:28], raw[28:], self.prefix(kind, name) + raw[:16])
        check(content[0] in (0, 1), f"{name} is packed in an unknown way")
        return unpack(zstd.decompress(content[1:]) if content[0] else content[1:])

    def signed(self, kind: str, name: str) -> Any:
        """A document that an agent has signed whom the authority has admitted."""
        document, agent, signature = self.envelope(kind, name)[:3]
        place = f"agents/{agent}"
        certificate, _, by_authority = self.envelope("certificate", place)[:3]
        verify(self.authority, by_authority, self.prefix("certificate", place) + certificate)
        id, public_key, self.hosts = unpack(certificate)[:3]
        check(id == agent, f"{place} is of another agent")
        verify(public_key, signature, self.prefix(kind, name) + document)
        return unpack(document)

    def backups(self) -> dict[str, Any]:
        """The root of every backup, by the name of its attempt."""
        tombs = {name.rpartition("/")[2] for name in self.names("tombs")}
        found = {}
        for name in self.names("roots"):
            attempt = name.rpartition("/")[2]
            decision = self.decision(attempt)
            if decision and decision[0] == 1 and attempt not in tombs and {decision[6][0], "*"} & {*self.hosts}:
                check(decision[3] == digest(self.raw(name)), f"{name} is not what was decided on")
                found[attempt] = self.signed("root", name)
        return found

    def decision(self, attempt: str) -> Any:
        markers = self.config["decider"] == "markers"
        witness, name = (f"done/{attempt}", f"ok/{attempt}") if markers else (f"commits/{attempt}",) * 2
        return self.signed("decision", name) if (self.top / witness).exists() else None

    def index(self) -> Any:
        """Name, epoch, wrapped content key, first 16 bytes, moved keys and bundles of every pack."""
        for name in self.names("index"):
            for pack, _kind, _size, _digest, epoch, wrap, head, keys, bundles in self.signed("index", name)[0]:
                yield pack, epoch, wrap, head, keys, bundles

    def footers(self) -> Any:
        """The same from the packs themselves."""
        for name in (*self.names("packs"), *self.names("meta")):
            raw = self.raw(name)
            check(raw[:9] == b"\x89FZPACK\n\1" and digest(raw[:224]) == raw[224:256], f"{name} is no pack of version 1")
            size, _, magic = struct.unpack(">II8s", raw[-16:])
            epoch, head = int.from_bytes(raw[12:16], "big"), raw[:16]
            key = self.unwrap(epoch, name, head, raw[108:200], "footer", metadata=True)
            sealed = raw[-16 - size : -16] if magic == raw[:8] else b""
            footer = zstd.decompress(unseal(key, bytes(12), sealed, self.prefix("footer", name)))
            yield name, epoch, raw[16:108], head, *unpack(footer)[:2]

    def unwrap(self, epoch: int, name: str, head: bytes, wrap: bytes, use: str, *, metadata: bool) -> bytes:
        check(wrap[0] == 1, f"the key of {name} is wrapped in an unknown way")
        above = self.epochs[epoch][2 if metadata else 1]
        key = unseal(above, wrap[4:16], wrap[16:64], self.prefix("pack key", name) + head + use.encode())
        check(hmac.digest(key, b"freezer pack key", "sha256")[:16] == wrap[76:], f"the key of {name} is another")
        return key

    def learn(self, pack: str, epoch: int, wrap: bytes, head: bytes, keys: Any, bundles: Any) -> None:
        if not (self.top / pack).exists():
            return  # a part may speak of packs that a collector has deleted since
        wraps = [(epoch, pack, head, wrap), *(tuple(key[:4]) for key in keys)]
        for bundle in bundles:
            start, lengths, ids = 0, bundle[8], bundle[9]
            for number, length in enumerate(lengths):
                id = ids[ID * number : ID * number + ID]
                self.places[id] = pack, bundle, wraps[bundle[5]], start, length
                start += length

    def chunk(self, use: str, id: bytes) -> bytes:
        pack, bundle, wrap, start, length = self.places[id]
        if bundle[0] not in self.bundles:
            while len(self.bundles) > 64:
                del self.bundles[next(iter(self.bundles))]
            self.bundles[bundle[0]] = self.bundle(pack, bundle, wrap)
        plain = self.bundles[bundle[0]][start : start + length]
        check(digest(plain, self.keys[use])[:ID] == id, f"a chunk in {pack} is another")
        return plain

    def bundle(self, pack: str, bundle: Any, wrap: Any) -> bytes:
        id, offset, sealed_size, plain_size, codec, _, counter, sealed_digest = bundle[:8]
        with (self.top / pack).open("rb") as file:
            file.seek(offset)
            sealed = file.read(sealed_size)
        check(digest(sealed)[:16] == sealed_digest, f"{pack} is damaged")
        key = self.unwrap(*wrap, CONTENT, metadata=pack.startswith("meta/"))
        body = unseal(key, bytes(4) + counter.to_bytes(8, "big"), sealed, self.prefix("bundle", "") + id)
        check(codec in (0, 1), f"{pack} is packed in an unknown way")
        plain = zstd.decompress(body) if codec else body
        check(len(plain) == plain_size, f"{pack} has a bundle of another size")
        return plain

    def entries(self, id: bytes) -> Any:
        tree = unpack(self.chunk(TREE, id))
        check(tree[0] in (1, 2), "a tree of an unknown form")
        if tree[0] == 1:
            yield from tree[1]
        for part in tree[2] if tree[0] == 2 else ():
            yield from self.entries(part) if part else ()

    def restore(self, root: Any, target: Path) -> None:
        for path, tree, kind, *rest in root[4]:
            top = os.fsencode(target)
            if len(root[4]) > 1:
                top = os.path.join(top, path.lstrip(b"/"))
            os.makedirs(top, exist_ok=True)
            self.links, self.directories = [], []
            self.directory(tree, top)
            for first, other in self.links:
                os.link(os.path.join(top, first), other, follow_symlinks=False)
            for entry, place in self.directories:  # last, since everything before changes their times
                self.finish(entry, place)
            if kind == 0 and rest and rest[0]:
                self.finish(unpack(rest[0]), top)

    def directory(self, tree: bytes, place: bytes) -> None:
        for entry in self.entries(tree):
            name, type, content, more = entry[0], entry[1], entry[7], entry[8] or {}
            check(name not in (b"", b".", b"..") and b"/" not in name, f"a name that none can be: {name!r}")
            path = os.path.join(place, name)
            if "h" in more:
                self.links.append((more["h"], path))
                continue
            if type == DIRECTORY:
                os.mkdir(path, 0o700)
                if content:  # of a mount point nothing else is known
                    self.directory(content, path)
                self.directories.append((entry, path))
                continue
            if type == FILE:
                self.file(path, entry[6], content)
            elif type == SYMLINK:
                os.symlink(more["l"], path)
            elif type == FIFO:
                os.mkfifo(path)
            else:
                os.mknod(path, {CHARACTER: 0o020600, BLOCK: 0o060600}[type], os.makedev(*more["d"]))
            self.finish(entry, path)

    def file(self, path: bytes, size: int, content: Any) -> None:
        if isinstance(content, list) and content[:1] == [0]:
            ids = content[1]
            content = unpack(b"".join(self.chunk(LIST, ids[at : at + ID]) for at in range(0, len(ids), ID)))
        with open(path, "xb") as file:
            for part in [content] if isinstance(content, bytes) else content:
                if isinstance(part, int):
                    file.seek(part, os.SEEK_CUR)
                    continue
                for at in range(0, len(part), ID):
                    file.write(self.chunk(CONTENT, part[at : at + ID]))
            check(file.tell() == size, f"{path!r} is not {size} bytes long")
            file.truncate(size)

    def finish(self, entry: Any, path: bytes) -> None:
        """Owner, extended attributes, mode and times, in this order, since each changes those behind it."""
        _, type, mode, user, group, modified = entry[:6]
        if os.geteuid() == 0:
            os.chown(path, user, group, follow_symlinks=False)
        for name, value in (entry[8] or {}).get("x", []):
            os.setxattr(path, name, value, follow_symlinks=False)
        if type != SYMLINK:
            os.chmod(path, mode)
        os.utime(path, ns=(modified, modified), follow_symlinks=False)


def main() -> None:
    container, *rest = sys.argv[1:]
    reader = Reader(Path(container), os.environ.get("PASSPHRASE", "").encode() or None)
    for attempt, root in reader.backups().items():
        if not rest:
            print(attempt, *root[1:4])
        elif attempt == rest[0]:
            reader.restore(root, Path(rest[1]))


if __name__ == "__main__":
    main()
