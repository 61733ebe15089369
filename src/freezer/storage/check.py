"""The contract, tested on a live location without harming what is there."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from freezer.clock import Clock
from freezer.errors import FreezerError, PermanentError
from freezer.progress import Progress
from freezer.storage.contract import Storage
from freezer.storage.promises import PROMISES, Promise, eventually


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
    scratch = f"freezer-check-{secrets.token_hex(8)}/"
    container = _run(Promise("the container exists", _require_container), storage, scratch, clock)
    if not container.ok:
        return [container]
    progress.phase("check", total_items=len(PROMISES) + 1)
    results = [container]
    for promise in PROMISES:
        progress.current(promise.name)
        if promise.applies(storage.capabilities):
            place = f"{scratch}{len(results)}/"
            results.append(_run(promise, storage, place, clock))
            results += _clean(storage, place, clock)
        else:
            results.append(CheckResult(promise.name, ok=True, detail="not promised by this storage", seconds=0.0))
        progress.advance(done_items=1)
    results.append(_run(Promise("nothing stays behind", _require_nothing), storage, scratch, clock))
    progress.advance(done_items=1)
    return results


def _run(promise: Promise, storage: Storage, scratch: str, clock: Clock) -> CheckResult:
    started = clock.monotonic()
    try:
        promise.test(storage, scratch)
    except FreezerError as error:
        return CheckResult(promise.name, ok=False, detail=error.message, seconds=clock.monotonic() - started)
    return CheckResult(promise.name, ok=True, detail="", seconds=clock.monotonic() - started)


def _clean(storage: Storage, scratch: str, clock: Clock) -> Sequence[CheckResult]:
    """Delete everything below ``scratch``; a result only if that fails."""
    result = _run(Promise("leftovers can be deleted", _delete_all), storage, scratch, clock)
    return [] if result.ok else [result]


def _require_container(storage: Storage, _scratch: str) -> None:
    if not storage.exists():
        raise PermanentError(f"{storage.describe()} does not exist")


def _require_nothing(storage: Storage, scratch: str) -> None:
    eventually(storage, lambda: not storage.list(scratch), f"objects stay below {scratch}")


def _delete_all(storage: Storage, scratch: str) -> None:
    for item in storage.list(scratch):
        storage.delete(item.name)
