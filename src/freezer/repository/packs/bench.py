"""What one worker does with a bundle, with tools and memory of its own: compress it, and prove that it can be read."""

from __future__ import annotations

import msgspec

from freezer.crypto.primitives import TAG_SIZE
from freezer.errors import DamagedError
from freezer.repository.documents import Bundle, Codec, PackKind
from freezer.repository.names import PREFIX
from freezer.repository.packs.filling import Contents, NewPack, Slot
from freezer.repository.packs.sealing import associated, nonce
from freezer.storage.contract import Buffer
from freezer.stream.zstandard import zstd

_STEP = 256 * 1024  # bytes that are decompressed at once


class Job(msgspec.Struct, frozen=True):
    """A bundle to be made of the first ``used`` bytes of ``plain``; afterwards ``block`` is free again."""

    kind: PackKind
    plain: bytearray
    used: int
    contents: Contents
    block: bytearray


class Bench:
    """The tools of one thread. ``level``: of Zstandard; ``usual``: bytes of plaintext that most bundles have."""

    def __init__(self, repository: bytes, level: int, usual: int) -> None:
        self._repository = repository
        self._compressor = zstd.ZstdCompressor(level)
        self._opened = bytearray(usual)

    def compress(self, job: Job) -> tuple[Codec, Buffer]:
        """The body of the bundle: the plaintext itself where nothing is gained."""
        plain = memoryview(job.plain)[: job.used]
        body = self._compressor.compress(plain, zstd.ZstdCompressor.FLUSH_FRAME)
        return (Codec.ZSTD, body) if len(body) < job.used else (Codec.PLAIN, plain)

    def verify(self, job: Job, pack: NewPack, slot: Slot, bundle: Bundle) -> None:
        """Open the bundle and compare it with what it was made of: neither a defect of memory nor one of a library is
        stored. :class:`DamagedError` if they differ."""
        size = bundle.sealed - TAG_SIZE
        body = memoryview(self._opened if size <= len(self._opened) else bytearray(size))[:size]
        bound = associated(self._repository, bundle.id)
        good = pack.cipher.unseal_into(nonce(slot.number), slot.view, bound, body)
        if not good or not (_expands_to(body, job) if bundle.codec is Codec.ZSTD else _is(body, job)):
            raise DamagedError(
                f"a new bundle of {PREFIX}{pack.name} is not what was to be stored",
                hint="check the memory of this machine",
            )


def _is(body: memoryview, job: Job) -> bool:
    return len(body) == job.used and job.plain.startswith(body)  # compared as memory, which views are not


def _expands_to(frame: memoryview, job: Job) -> bool:
    """Whether a frame says how long it is, and holds the plaintext of ``job``: compared piece by piece, so that no
    memory of the size of a bundle comes and goes."""
    decoder = zstd.ZstdDecompressor()
    more: Buffer = frame
    at = 0
    try:
        if zstd.get_frame_info(frame).decompressed_size != job.used:
            return False
        while not decoder.eof:
            piece = decoder.decompress(more, _STEP)
            more = b""
            if not job.plain.startswith(piece, at) or not (piece or decoder.eof):
                return False
            at += len(piece)
    except zstd.ZstdError:
        return False
    return at == job.used and not decoder.unused_data
