"""The contract as tests, one promise each.

A test gets the storage and a :class:`Scratch`, works only below the scratch's prefix, and raises an error whose one
line says which promise is broken. It may leave objects there; whoever runs it deletes them.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial

from freezer.clock import Clock
from freezer.errors import BusyError, FreezerError, ObjectExists, ObjectNotFound, PermanentError, StorageError
from freezer.storage.contract import Capabilities, Storage

RACERS = 8
ROUNDS = 5
PART = 5 * 1024 * 1024  # the smallest part of a multipart upload in S3
ODD_NAMES = (
    *("with blank", "quote'\"s", "100%25 #?&=+", "back\\slash", "star*[x]{y}", "-leading-dash", ".leading-dot", "…"),
    *(
        "ünï-çödé/日本語",
        "decomposed-u\u0308",
        "not-utf8-\udcff\udc80",
        "long-" + "x" * 200,
        "a/b/c/d/e/f/g/h",
        "0/0_0",
    ),
)
ILLEGAL_NAMES = ("", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "nul\0byte")


@dataclass(frozen=True, slots=True)
class Scratch:
    """Where a test may work: names that begin with ``prefix`` (it ends in ``/``)."""

    prefix: str
    clock: Clock

    def __truediv__(self, name: str) -> str:
        return self.prefix + name


@dataclass(frozen=True, slots=True)
class Promise:
    """A named test; ``applies`` says which storages promise this at all."""

    name: str
    test: Callable[[Storage, Scratch], None]
    applies: Callable[[Capabilities], bool] = lambda capabilities: True  # noqa: ARG005 (named as it is called)


def require(kept: bool, broken: str) -> None:
    """Raise with ``broken`` unless ``kept``."""
    if not kept:
        raise PermanentError(broken)


def eventually(storage: Storage, scratch: Scratch, kept: Callable[[], bool], broken: str) -> None:
    """As ``require``, but listings may lag behind as long as the storage admits."""
    deadline = scratch.clock.monotonic() + storage.capabilities.list_delay
    while not kept():
        require(scratch.clock.monotonic() < deadline, broken)
        scratch.clock.sleep(0.2)


def refuses(kind: type[FreezerError], call: Callable[[], object], broken: str) -> None:
    """Raise with ``broken`` unless ``call`` raises a ``kind``."""
    try:
        call()
    except kind:
        return
    raise PermanentError(broken)


def sample(seed: str, size: int) -> bytes:
    """``size`` incompressible bytes that depend on ``seed`` only."""
    return hashlib.shake_128(seed.encode()).digest(size)


def _names(storage: Storage, prefix: str) -> Sequence[str]:
    return [item.name for item in storage.list(prefix)]


def put_and_get(storage: Storage, scratch: Scratch) -> None:
    data = sample("small", 1000)
    for view in (data, bytearray(data), memoryview(data)):
        storage.put(scratch / "object", view)
        require(storage.get(scratch / "object") == data, "get returned other bytes than put was given")


def put_replaces(storage: Storage, scratch: Scratch) -> None:
    storage.put(scratch / "object", sample("first", 5000))
    storage.put(scratch / "object", b"second")
    require(storage.get(scratch / "object") == b"second", "the second put did not replace the first")


def empty_object(storage: Storage, scratch: Scratch) -> None:
    storage.put(scratch / "put", b"")
    upload = storage.open_write(scratch / "upload")
    upload.commit()
    for name in ("put", "upload"):
        require(storage.get(scratch / name) == b"", f"an empty object ({name}) came back with content")
        require(storage.stat(scratch / name).size == 0, f"an empty object ({name}) has a size")


def ranges(storage: Storage, scratch: Scratch) -> None:
    data = sample("ranges", 10_000)
    storage.put(scratch / "object", data)
    for offset, length in (
        (0, 1),
        (0, 10_000),
        (17, 4000),
        (9_999, 1),
        (9_000, 5000),
        (10_000, 5),
        (20_000, 5),
        (5, 0),
    ):
        got = storage.get(scratch / "object", offset, length)
        require(got == data[offset : offset + length], f"get of {length} bytes from {offset} is wrong")
    require(storage.get(scratch / "object", 9_990) == data[9_990:], "get from an offset to the end is wrong")


def stat_is_right(storage: Storage, scratch: Scratch) -> None:
    storage.put(scratch / "object", bytes(1234))
    info = storage.stat(scratch / "object")
    require((info.name, info.size) == (scratch / "object", 1234), f"stat says {info.size} bytes instead of 1234")
    require(info.modified > 0, "stat does not know the time of the last change")


def missing_objects(storage: Storage, scratch: Scratch) -> None:
    storage.put(scratch / "folder/object", b"x")
    for name in ("nothing", "folder", "folder/nothing", "folder/object/nothing"):
        for call in (storage.get, storage.stat):
            refuses(ObjectNotFound, partial(call, scratch / name), f"a missing object ({name}) is not reported as such")


def delete_is_idempotent(storage: Storage, scratch: Scratch) -> None:
    storage.put(scratch / "folder/object", b"x")
    storage.put(scratch / "folder/other", b"x")
    for _ in range(2):
        storage.delete(scratch / "folder/object")
        refuses(ObjectNotFound, lambda: storage.get(scratch / "folder/object"), "a deleted object can still be read")
    storage.delete(scratch / "folder")
    storage.delete(scratch / "never/was")
    require(storage.get(scratch / "folder/other") == b"x", "delete took the neighbour along")
    wanted = [scratch / "folder/other"]
    eventually(storage, scratch, lambda: _names(storage, scratch.prefix) == wanted, "a deleted object is still listed")


def listing(storage: Storage, scratch: Scratch) -> None:
    sizes = {f"web/{n % 7}/{n:03}": n for n in range(60)} | {"web2/0": 1, "web": 2, "web-3": 3, "web.4/x": 4}
    if not _allows_object_and_folder(storage, scratch):
        del sizes["web"]
    for name, size in sizes.items():
        storage.put(scratch / name, bytes(size))
    for prefix in ("", "web/", "web/3/", "web2/", "we/", "web/3/003/"):
        wanted = sorted((scratch / name, size) for name, size in sizes.items() if name.startswith(prefix))

        def complete(prefix: str = prefix, wanted: list[tuple[str, int]] = wanted) -> bool:
            return [(item.name, item.size) for item in storage.list(scratch / prefix)] == wanted

        eventually(storage, scratch, complete, f"the list below {prefix!r} is not complete, sorted and exact")
    refuses(PermanentError, lambda: storage.list(scratch / "web"), "list took a prefix that does not end in '/'")


def _allows_object_and_folder(storage: Storage, scratch: Scratch) -> bool:
    """Whether ``x`` and ``x/y`` may both be objects: buckets do, directories do not."""
    storage.put(scratch / "both/x", b"")
    try:
        storage.put(scratch / "both", b"")
    except StorageError:
        return False
    finally:
        storage.delete(scratch / "both/x")
        storage.delete(scratch / "both")
    return True


def odd_names(storage: Storage, scratch: Scratch) -> None:
    for name in ODD_NAMES:
        storage.put(scratch / name, name.encode("utf-8", "surrogateescape"))
    for name in ODD_NAMES:
        data = storage.get(scratch / name)
        require(data == name.encode("utf-8", "surrogateescape"), f"{name!r} came back with the content of another")
    wanted = sorted(scratch / name for name in ODD_NAMES)
    eventually(
        storage, scratch, lambda: _names(storage, scratch.prefix) == wanted, "an odd name is not listed as it is"
    )


def illegal_names(storage: Storage, scratch: Scratch) -> None:
    calls: Sequence[Callable[[str], object]] = (
        *(storage.get, storage.stat, storage.delete, storage.open_write),
        *(lambda name: storage.put(name, b"x"), lambda name: storage.put_new(name, b"x")),
    )
    for name in ILLEGAL_NAMES:
        for call in calls:
            refuses(PermanentError, partial(call, name), f"{name!r} was accepted as a name")
            refuses(PermanentError, partial(call, f"{scratch.prefix}{name}/x/.."), f"{name!r} was accepted in a name")


def put_new_refuses(storage: Storage, scratch: Scratch) -> None:
    storage.put_new(scratch / "new/object", b"first")
    refuses(ObjectExists, lambda: storage.put_new(scratch / "new/object", b"second"), "put_new took a taken name")
    require(storage.get(scratch / "new/object") == b"first", "a refused put_new changed the object")
    storage.delete(scratch / "new/object")
    storage.put_new(scratch / "new/object", b"third")
    require(storage.get(scratch / "new/object") == b"third", "put_new of a name that is free again did not store")


def put_new_has_one_winner(storage: Storage, scratch: Scratch) -> None:
    for turn in range(ROUNDS):
        name = scratch / f"{turn}/deep/er/object"
        winners: list[bytes] = []

        def race(number: int, name: str = name, winners: list[bytes] = winners) -> None:
            data = f"racer {number}".encode() * 100
            with suppress(ObjectExists):
                storage.put_new(name, data)
                winners.append(data)

        _together(race)
        require(len(winners) == 1, f"{len(winners)} of {RACERS} simultaneous put_new of one name succeeded")
        require(storage.get(name) == winners[0], "the object is not what the winner of put_new wrote")


def upload_is_invisible_until_commit(storage: Storage, scratch: Scratch) -> None:
    name = scratch / "folder/object"
    upload = storage.open_write(name)
    upload.write(0, sample("a", PART))
    refuses(ObjectNotFound, lambda: storage.stat(name), "an object can be seen before it is complete")
    require(_names(storage, scratch.prefix) == [], "an unfinished object, or its temporary, is listed")
    upload.write(PART, b"end")
    upload.commit()
    require(storage.stat(name).size == PART + 3, "a committed object has the wrong size")
    eventually(storage, scratch, lambda: _names(storage, scratch.prefix) == [name], "a committed object is not listed")


def upload_keeps_every_byte(storage: Storage, scratch: Scratch) -> None:
    data = sample("large", 2 * PART + 12_345)
    upload = storage.open_write(scratch / "object")
    buffer = bytearray(PART)
    for offset in range(0, len(data), PART):
        segment = data[offset : offset + PART]
        buffer[: len(segment)] = segment
        upload.write(offset, memoryview(buffer)[: len(segment)])
        buffer[:] = bytes(PART)  # it is ours again
    upload.commit()
    require(storage.stat(scratch / "object").size == len(data), "a large object has the wrong size")
    around = storage.get(scratch / "object", PART - 1000, 2000)
    require(around == data[PART - 1000 : PART + 1000], "a range across two segments is wrong")
    require(storage.get(scratch / "object") == data, "a large object came back changed")


def upload_replaces_on_commit_only(storage: Storage, scratch: Scratch) -> None:
    name = scratch / "object"
    storage.put(name, b"old")
    upload = storage.open_write(name)
    upload.write(0, b"new")
    require(storage.get(name) == b"old", "an upload replaced the object before its commit")
    upload.commit()
    require(storage.get(name) == b"new", "a committed upload did not replace the object")


def abort_leaves_nothing(storage: Storage, scratch: Scratch) -> None:
    upload = storage.open_write(scratch / "folder/object")
    upload.write(0, sample("a", PART))
    upload.abort()
    upload.abort()
    refuses(StorageError, upload.commit, "an aborted upload was committed")
    refuses(ObjectNotFound, lambda: storage.get(scratch / "folder/object"), "an aborted upload became an object")
    require(_names(storage, scratch.prefix) == [], "an aborted upload left something in the list")
    upload = storage.open_write(scratch / "kept")
    upload.write(0, b"kept")
    upload.commit()
    upload.abort()
    require(storage.get(scratch / "kept") == b"kept", "abort after commit removed the object")


def gaps_are_refused(storage: Storage, scratch: Scratch) -> None:
    upload = storage.open_write(scratch / "object")
    try:
        refuses(StorageError, lambda: upload.write(1, b"x"), "a first segment at offset 1 was accepted")
        upload.write(0, sample("a", PART))
        refuses(StorageError, lambda: upload.write(PART + 1, b"x"), "a segment behind a gap was accepted")
        refuses(StorageError, lambda: upload.write(0, b"x"), "a segment over an older one was accepted")
    finally:
        upload.abort()


def readers_see_whole_objects(storage: Storage, scratch: Scratch) -> None:
    versions = [bytes([number]) * 200_000 for number in range(4)]
    name = scratch / "object"
    storage.put(name, versions[0])

    def work(number: int) -> None:
        for turn in range(ROUNDS):
            if number == 0:
                storage.put(name, versions[turn % len(versions)])
            else:
                require(storage.get(name) in versions, "a reader saw a half-replaced object")

    _together(work, 4)


def threads_do_not_disturb_each_other(storage: Storage, scratch: Scratch) -> None:
    def work(number: int) -> None:
        for turn in range(ROUNDS):
            name, data = scratch / f"shared/{number}/object", sample(f"{number} {turn}", 3000)
            storage.put(name, data)
            require(storage.get(name) == data, "simultaneous writers of different names got each other's bytes")
            storage.delete(name)  # and with it, perhaps, the folder in which another is about to write

    _together(work)


def hold_excludes_others(storage: Storage, scratch: Scratch) -> None:
    name = scratch / "set"

    def enter(*, shared: bool) -> None:
        with storage.hold(name, shared=shared):
            pass

    with storage.hold(name):
        refuses(BusyError, lambda: enter(shared=False), "two held one name at once")
        refuses(BusyError, lambda: enter(shared=True), "a shared holder got in beside an exclusive one")
        with storage.hold(scratch / "other"):
            pass
        storage.put(name + "/object", b"x")
        storage.delete(name + "/object")
        refuses(BusyError, lambda: enter(shared=False), "writing and deleting below a held name released it")
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(storage.hold(name, shared=True))
        refuses(BusyError, lambda: enter(shared=False), "an exclusive holder got in beside shared ones")
    enter(shared=False)


def _together(work: Callable[[int], None], count: int = RACERS) -> None:
    """Run ``work(0)`` … ``work(count - 1)`` at the same time; raise the first error."""
    start = threading.Barrier(count)
    errors: list[FreezerError] = []

    def run(number: int) -> None:
        start.wait()
        try:
            work(number)
        except FreezerError as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


PROMISES: Sequence[Promise] = (
    Promise("put and get", put_and_get),
    Promise("put replaces", put_replaces),
    Promise("empty objects", empty_object),
    Promise("ranges", ranges),
    Promise("stat", stat_is_right),
    Promise("missing objects", missing_objects),
    Promise("delete", delete_is_idempotent),
    Promise("lists are complete", listing),
    Promise("odd names", odd_names),
    Promise("illegal names are refused", illegal_names),
    Promise("put_new refuses a taken name", put_new_refuses),
    Promise("put_new has one winner", put_new_has_one_winner, lambda capabilities: capabilities.create_once),
    Promise("uploads are invisible until commit", upload_is_invisible_until_commit),
    Promise("uploads keep every byte", upload_keeps_every_byte),
    Promise("uploads replace on commit only", upload_replaces_on_commit_only),
    Promise("abort leaves nothing", abort_leaves_nothing),
    Promise("gaps in uploads are refused", gaps_are_refused),
    Promise("readers see whole objects", readers_see_whole_objects),
    Promise("threads do not disturb each other", threads_do_not_disturb_each_other),
    Promise("hold excludes others", hold_excludes_others, lambda capabilities: capabilities.holds),
)
