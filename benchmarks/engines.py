"""Freezer's engines, each with peers of its own kind and trees that are large enough for what is asked of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from benchmarks.peers import catalogue

REPOSITORY = "freezer-dedup"


@dataclass(frozen=True)
class Engine:
    """``peers``: names of those that run beside it; ``sizes``: of corpora that are another size than usual, how many
    times; ``small``: whether starts, codecs and the cost of encryption are measured, too; ``words``: the page's."""

    title: str
    words: str
    peers: tuple[str, ...]
    sizes: Mapping[str, float]
    small: bool

    def size(self, corpus: str) -> float:
        """How many times its usual size a corpus has."""
        return self.sizes.get(corpus, 1.0)


_TAR = Engine(
    title="Speed of tar backups",
    words="""\
Backups of the engine tar beside OpenStack Freezer, GNU tar, restic and borg. What they do is not the same: restic and
borg find equal pieces across files and backups and always encrypt; tar, OpenStack Freezer and these backups store a
changed file whole. [Repositories](speed-repositories.md) have a page of their own.""",
    peers=tuple(name for name in catalogue.NAMES if name != REPOSITORY),
    sizes={},
    small=True,
)
_DEDUP = Engine(
    title="Speed of repositories",
    words="""\
The engine dedup beside restic and borg, which find equal pieces across files and backups and encrypt as it does, and
beside programs that store a changed file whole: GNU tar with zstd, in clear, and OpenStack Freezer, encrypted. Every
bundle is read back and compared before it is uploaded, as is the default. The repository is opened with a machine
secret, which is meant for machines that nobody attends; a passphrase costs 0.2 s of Argon2id more. restic and borg
derive keys from passphrases.""",
    peers=(REPOSITORY, "restic", "borg", "tar-zstd", "upstream-encrypted"),
    sizes={"source": 2.5, "large": 8 / 3},
    small=False,
)
ENGINES: Mapping[str, Engine] = {"tar": _TAR, "dedup": _DEDUP}


def engine_of(peers: Collection[str]) -> Engine:
    """Which engine a run with these peers was about."""
    return _DEDUP if REPOSITORY in peers else _TAR
