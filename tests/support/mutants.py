"""What a fuzzer feeds to parsers: real bytes with something wrong in them, and limits for what parsers may take.

Bytes are changed as bytes, or, where they are MessagePack or JSON, as what they mean: then the result is well-formed,
and gets deeper into a parser.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import msgspec

from freezer.errors import FreezerError

SLOW = 1.0  # seconds of processor time that no parser needs for a few kilobytes
LONG = 2000  # characters that no message has
MEMORY = 512 * 1024 * 1024  # bytes that no parser needs for them

Make = Callable[[Random], bytes]

_NUMBERS = (0, 1, -1, 2, 127, 128, 255, 4096, 1 << 15, 1 << 31, (1 << 31) - 1, 1 << 32, (1 << 32) - 1, 1 << 53)
_EXTREMES = (1 << 62, (1 << 63) - 1, -(1 << 63), (1 << 64) - 1)
_LENGTHS = (0, 1, 15, 16, 17, 19, 20, 21, 31, 32, 33, 40, 64, 91, 92, 93, 300, 70_000)
_TEXTS = ("", ".", "..", "/", "../x", "a\0b", "x" * 300, "\ud7ff", "packs/", "packs/x", "é", "*", "owner", "%s", "\n")
_WORDS = (
    *(bytes([byte]) for byte in b"\x00\x01\x7f\x80\x90\xc0\xc1\xc4\xc6\xcf\xd3\xdc\xdd\xde\xdf\xff"),
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\x7f\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xcf" + b"\xff" * 8,
    b"\xd3\x80" + bytes(7),
    b"\x91" * 3000,
)


class Limit(AssertionError):
    """A parser took too long."""


def bytes_like(seeds: Sequence[bytes]) -> Make:
    """Mutants of byte strings."""

    def make(chance: Random) -> bytes:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            _scramble(data, chance, seeds)
        return bytes(data)

    return make


def messages_like(seeds: Sequence[bytes]) -> Make:
    """Mutants of MessagePack: half of them well-formed."""
    meant = [msgspec.msgpack.decode(seed) for seed in seeds]
    spoilt = bytes_like(seeds)

    def make(chance: Random) -> bytes:
        if chance.random() < 0.5:
            return spoilt(chance)
        return msgspec.msgpack.encode(_reshaped(chance.choice(meant), chance))

    return make


def texts_like(seeds: Sequence[bytes]) -> Make:
    """Mutants of JSON: half of them well-formed."""
    meant = [json.loads(seed) for seed in seeds]
    spoilt = bytes_like([*seeds, b"[" * 3000, b'{"a":' * 3000, b'"\\ud800"', b"1" * 5000, b"1e999", b"NaN"])

    def make(chance: Random) -> bytes:
        if chance.random() < 0.5:
            return spoilt(chance)
        return json.dumps(_reshaped(chance.choice(meant), chance, binary=False)).encode("utf-8", "surrogatepass")

    return make


def feed(parse: Callable[[bytes], object], make: Make, chance: Random, count: int) -> tuple[int, float]:
    """Give ``count`` mutants to ``parse``, which may raise our errors and nothing else; how many of them it took, and
    the most seconds that one of them needed. What it cannot bear is in the error, as a seed for a test of its own."""
    taken, slowest = 0, 0.0
    for number in range(count):
        data = make(chance)
        begun = time.thread_time()
        try:
            parse(data)
        except FreezerError as error:
            if len(error.message) > LONG:
                raise AssertionError(f"mutant {number} is told at length: {error.message[:400]!r}") from error
        except BaseException as error:
            raise AssertionError(f"mutant {number} gives {error!r}: {data[:400]!r} ({len(data)} bytes)") from error
        else:
            taken += 1
        seconds = time.thread_time() - begun
        if seconds > slowest:
            slowest = seconds
            if slowest > SLOW:
                raise Limit(f"mutant {number} takes {slowest:.1f} s: {data[:400]!r} ({len(data)} bytes)")
    return taken, slowest


@contextmanager
def bounded_memory(most: int = MEMORY) -> Iterator[None]:
    """Whoever asks for much more than there is now gets a MemoryError."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _scramble(data: bytearray, chance: Random, seeds: Sequence[bytes]) -> None:
    """One change, wherever it may be."""
    at = chance.randrange(len(data) + 1)
    end = min(len(data), at + chance.choice((1, 1, 2, 4, 16, 64)))
    match chance.randrange(8):
        case 0 if data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        case 1 if data:
            data[at % len(data)] = chance.randrange(256)
        case 2:
            data[at:at] = chance.choice(_WORDS)
        case 3:
            data[at : at + 1] = chance.choice(_WORDS)
        case 4:
            del data[at:end]
        case 5:
            data[at:at] = data[at:end] * chance.choice((1, 2, 50))
        case 6:
            del data[at:]
        case _:
            other = chance.choice(seeds)
            data[at:end] = other[chance.randrange(len(other) + 1) :][:64]


def _reshaped(value: Any, chance: Random, *, binary: bool = True) -> Any:
    """``value`` with something else somewhere in it."""
    if chance.random() < 0.15:
        return _odd(value, chance, binary=binary)
    if isinstance(value, list) and value:
        items, at = list(value), chance.randrange(len(value))
        match chance.randrange(8):
            case 0:
                del items[at]
            case 1:
                items.insert(at, items[chance.randrange(len(items))])
            case 2:
                items[at], items[at - 1] = items[at - 1], items[at]
            case 3:
                del items[at:]
            case _:
                items[at] = _reshaped(items[at], chance, binary=binary)
        return items
    if isinstance(value, dict) and value:
        pairs, key = dict(value), chance.choice(list(value))
        match chance.randrange(6):
            case 0:
                del pairs[key]
            case 1:
                pairs[chance.choice(_TEXTS)] = pairs.pop(key)
            case _:
                pairs[key] = _reshaped(pairs[key], chance, binary=binary)
        return pairs
    return _odd(value, chance, binary=binary)


def _odd(value: Any, chance: Random, *, binary: bool) -> Any:
    """Something that is not what should be there, often of the same type."""
    kind = chance.randrange(10)
    if isinstance(value, bytes) and kind < 6:
        return (value * 400)[: chance.choice(_LENGTHS)] if kind < 3 else chance.randbytes(chance.choice(_LENGTHS))
    if isinstance(value, str) and kind < 6:
        return chance.choice(_TEXTS) if kind < 4 else value[: chance.randrange(len(value) + 1)]
    if isinstance(value, int) and kind < 7:
        return value + chance.choice((-1, 1, 8)) if kind < 2 else chance.choice((*_NUMBERS, *_EXTREMES))
    odd = [None, True, 1.5, "", "x", 0, -1, [], {}, [[]], [value, value], {"a": value}, chance.choice(_EXTREMES)]
    if binary:
        odd += [b"", chance.randbytes(20), {1: 2}]
    found = chance.choice(odd)
    too_large = isinstance(found, int) and not -(1 << 63) <= found < 1 << 64
    return 0 if too_large else found
