"""One backup from one storage to another, byte for byte.

The data goes first, then the state, the record last (in the layout without records: the state). What was read is
compared with the sizes and digests that the record has before it becomes visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from freezer.agent.context import Context
from freezer.agent.copying.plan import stream_parts, stream_size
from freezer.agent.places.acknowledged import Acknowledged
from freezer.agent.stored.archive import read_pieces
from freezer.container.catalogue import Catalogue
from freezer.container.chain import StoredBackup
from freezer.container.document import Details
from freezer.container.layout import data_name, legacy_data_name, legacy_state_name, record_name, state_name
from freezer.engine.contract import BlockSink
from freezer.errors import ContainerError, DamagedError, ObjectExists, ObjectNotFound
from freezer.progress import Progress
from freezer.storage.contract import ObjectInfo, Storage
from freezer.stream.compression import Codec
from freezer.stream.digest import Digest
from freezer.stream.pipeline import Pipeline


class Mover:
    """Moves backups of ``source`` to ``target``, and with ``verify`` reads them back. Errors are of the kind of what
    failed: :class:`DamagedError` if it is the source, :class:`ContainerError` if it is what the target has, a
    :class:`~freezer.errors.StorageError` if one of the two does not work."""

    def __init__(self, context: Context, source: Catalogue, target: Storage, *, verify: bool) -> None:
        self._settings = context.settings
        self._progress = context.progress
        self._catalogue = source
        self._source = source.storage
        self._target = target
        self._verify = verify

    def move(self, backup: StoredBackup) -> None:
        """Make ``backup`` exist in the target; what an earlier, interrupted run has brought need not be moved again."""
        if backup.layout == "legacy":
            assert backup.state is not None
            self._stream(backup, legacy_data_name(backup.key), None)
            self._last(legacy_state_name(backup.key), self._source.get(backup.state.name))
            return
        record = self._catalogue.record(backup)
        details = record.freezer if record is not None else None
        assert backup.record is not None
        encoded = self._source.get(backup.record.name)
        state = self._state(backup, details)
        self._stream(backup, data_name(backup.key), details)
        if state is not None:
            self._target.put(state_name(backup.key), state)
            self._stored(state_name(backup.key), state)
        self._last(record_name(backup.key), encoded)

    def compare(self, backup: StoredBackup, copy: StoredBackup) -> None:
        """:class:`DamagedError` if the ``copy`` that the target has is not the same, byte for byte."""
        pairs = [(stream_parts(backup), stream_parts(copy))]
        if backup.state is not None and copy.state is not None:
            pairs.append(((backup.state,), (copy.state,)))
        for ours, theirs in pairs:
            if self._sha256(self._source, ours, self._progress) != self._sha256(self._target, theirs):
                raise DamagedError(f"{theirs[0].name} of {self._target.describe()} is not the same")

    def _stream(self, backup: StoredBackup, name: str, details: Details | None) -> None:
        size = stream_size(backup)
        wanted = details.data.sha256 if details is not None else None
        if details is not None and size != details.data.size:
            raise DamagedError(f"its data has {size} bytes; {details.data.size} were written")
        if wanted is not None and self._left(name, size) == wanted:
            self._progress.advance(done_bytes=size)
            return
        sha256 = self._transfer(stream_parts(backup), name, wanted)
        stored = self._target.stat(name).size
        if stored != size:
            raise ContainerError(f"{self._target.describe()} has {stored} of {size} bytes of {name}")
        if self._verify and self._left(name, size) != sha256:
            raise ContainerError(f"{self._target.describe()} does not give back what was stored as {name}")

    def _transfer(self, parts: Iterable[ObjectInfo], name: str, wanted: str | None) -> str:
        """The bytes of ``parts`` into one object; their SHA-256, which has to be ``wanted`` if that is known."""
        progress = Acknowledged(self._progress)
        upload = self._target.open_write(name)
        try:
            with Pipeline(
                [upload],
                compression=Codec.NONE,
                segment_size=min(self._settings.integer("max_segment_size"), self._target.capabilities.call_size),
                queue_size=self._settings.integer("queue_size"),
            ) as pipeline:
                pipeline.landed = progress.landed
                sink = progress.watching(pipeline)
                for part in parts:
                    for piece in read_pieces(self._source, part.name, part.size):
                        _submit(sink, piece, progress)
                summary = pipeline.finish()
            if wanted not in (None, summary.sha256):
                raise DamagedError("its data is not what was written: its SHA-256 differs")
            upload.commit()
        except BaseException:
            upload.abort()
            raise
        return summary.sha256

    def _state(self, backup: StoredBackup, details: Details | None) -> bytes | None:
        """What the next level is made from, if there is such a thing."""
        recorded = details.state if details is not None else None
        if backup.state is None:
            if recorded is not None:
                raise DamagedError("its state (engine_metadata) is missing from the container")
            return None
        data = self._source.get(backup.state.name)
        if len(data) != backup.state.size or (recorded is not None and _sha256_of(data) != recorded.sha256):
            raise DamagedError("its state (engine_metadata) is not what was written")
        return data

    def _last(self, name: str, data: bytes) -> None:
        """The object that makes a backup of it."""
        try:
            self._target.put_new(name, data)
        except ObjectExists:
            if self._target.get(name) != data:
                raise ContainerError("somebody else has stored another backup of this name meanwhile") from None
        self._stored(name, data)

    def _stored(self, name: str, data: bytes) -> None:
        self._progress.advance(done_bytes=len(data))
        if self._verify and self._target.get(name) != data:
            raise ContainerError(f"{self._target.describe()} does not give back what was stored as {name}")

    def _left(self, name: str, size: int) -> str | None:
        """The SHA-256 of the object ``name`` of the target, if it is there and has this size."""
        try:
            found = self._target.stat(name)
        except ObjectNotFound:
            return None
        return self._sha256(self._target, (found,)) if found.size == size else None

    @staticmethod
    def _sha256(storage: Storage, parts: Sequence[ObjectInfo], progress: Progress | None = None) -> str:
        digest = Digest()
        for part in parts:
            for piece in read_pieces(storage, part.name, part.size):
                digest.update(piece)
                if progress is not None:
                    progress.advance(done_bytes=len(piece))
        return digest.hexdigest()


def _submit(sink: BlockSink, piece: bytes, progress: Progress) -> None:
    rest = memoryview(piece)
    while rest:
        block = sink.acquire()
        used = min(len(block), len(rest))
        block[:used] = rest[:used]
        sink.submit(block, used)
        progress.advance(done_bytes=used)
        rest = rest[used:]


def _sha256_of(data: bytes) -> str:
    digest = Digest()
    digest.update(data)
    return digest.hexdigest()
