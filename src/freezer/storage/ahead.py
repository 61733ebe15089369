"""Reading an object from its beginning to its end while more of it is on its way already."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from freezer.storage.contract import Storage


def read_ahead(storage: Storage, name: str, size: int, piece: int) -> Iterator[bytes]:
    """The ``size`` bytes of an object in pieces of ``piece`` bytes, as ``get`` returns them; the object is shorter than
    it should be if one of them is. As many calls as the storage can use are on their way at once."""
    ahead = storage.capabilities.read_ahead
    calls: deque[_Call] = deque()
    for offset in range(0, size, piece):
        length = min(piece, size - offset)
        if ahead < 2:
            yield storage.get(name, offset, length)
            continue
        calls.append(_Call(storage, name, offset, length))
        if len(calls) >= ahead:
            yield calls.popleft().result()
    while calls:
        yield calls.popleft().result()


class _Call:
    """One ``get`` in a thread of its own: a daemon, so that nobody waits for what nobody wants any more."""

    def __init__(self, storage: Storage, name: str, offset: int, length: int) -> None:
        self._data = b""
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(storage, name, offset, length), daemon=True)
        self._thread.start()

    def _run(self, storage: Storage, name: str, offset: int, length: int) -> None:
        try:
            self._data = storage.get(name, offset, length)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is wanted
            self._error = error

    def result(self) -> bytes:
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._data
