"""The contract, tested on a live location without harming what is there."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from freezer.clock import Clock
from freezer.errors import FreezerError
from freezer.progress import Progress
from freezer.storage.contract import Storage
from freezer.storage.promises import PROMISES, Promise, Scratch, eventually, require


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One promise: whether it is kept, in ``detail`` why not (or why it was not tested), and how long that took."""

    name: str
    ok: bool
    detail: str
    seconds: float


def run_checks(storage: Storage, progress: Progress, *, clock: Clock) -> Sequence[CheckResult]:
    """Test all promises below a fresh prefix ``freezer-check-…/`` of a container that exists.

    Nothing outside of that prefix is read, listed or changed, and nothing stays behind: if it does, that is a failure
    too. A container that does not exist is the one failure reported, and is not created.
    """
    scratch = Scratch(f"freezer-check-{secrets.token_hex(8)}/", clock)
    container = _run(Promise("the container exists", _require_container), storage, scratch)
    if not container.ok:
        return [container]
    progress.phase("check", total_items=len(PROMISES) + 1)
    results = [container]
    for number, promise in enumerate(PROMISES):
        progress.current(promise.name)
        results += _test(promise, storage, Scratch(f"{scratch.prefix}{number}/", clock))
        progress.advance(done_items=1)
    results.append(_run(Promise("nothing stays behind", _require_nothing), storage, scratch))
    progress.advance(done_items=1)
    return results


def _test(promise: Promise, storage: Storage, scratch: Scratch) -> Sequence[CheckResult]:
    if not promise.applies(storage.capabilities):
        return [CheckResult(promise.name, ok=True, detail="not promised by this storage", seconds=0.0)]
    result = _run(promise, storage, scratch)
    cleaning = _run(Promise(f"{promise.name}: leftovers can be deleted", _delete_all), storage, scratch)
    return [result] if cleaning.ok else [result, cleaning]


def _run(promise: Promise, storage: Storage, scratch: Scratch) -> CheckResult:
    started = scratch.clock.monotonic()
    try:
        promise.test(storage, scratch)
    except FreezerError as error:
        return CheckResult(promise.name, ok=False, detail=error.message, seconds=scratch.clock.monotonic() - started)
    return CheckResult(promise.name, ok=True, detail="", seconds=scratch.clock.monotonic() - started)


def _require_container(storage: Storage, _scratch: Scratch) -> None:
    require(storage.exists(), f"{storage.describe()} does not exist")


def _require_nothing(storage: Storage, scratch: Scratch) -> None:
    broken = f"objects stay below {scratch.prefix}"
    eventually(storage, scratch, lambda: not storage.list(scratch.prefix), broken)


def _delete_all(storage: Storage, scratch: Scratch) -> None:
    for item in storage.list(scratch.prefix):
        storage.delete(item.name)
