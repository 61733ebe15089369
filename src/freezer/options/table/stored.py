"""How a backup is stored: compression, encryption, segments, checksum."""

from __future__ import annotations

from freezer.options.spec import REPOSITORY_ACTIONS, Alias, Generation, Kind, Option

_BACKUP = ("backup",)
_READS = ("backup", "restore", "show", "check")
_OPENS = (*_READS, "list", "admin", *sorted(REPOSITORY_ACTIONS))
_WRITES = ("backup", "copy")

OPTIONS = (
    Option(
        name="compression",
        kind=Kind.CHOICE,
        help="how a new backup is compressed (zstd and none are ours: 19.0.0 cannot restore them; dedup has zstd only)",
        group="stored",
        default="gzip",
        choices=("gzip", "bzip2", "xz", "zstd", "none"),
        actions=_BACKUP,
        tenant_may_set=True,
    ),
    Option(
        name="compression_level",
        kind=Kind.CHOICE,
        help="fast costs the least CPU, best makes the smallest backup",
        group="stored",
        default="default",
        choices=("fast", "default", "best"),
        actions=_BACKUP,
        upstream=False,
        tenant_may_set=True,
    ),
    Option(
        name="encrypt_pass_file",
        kind=Kind.PATH,
        help="encrypt, and decrypt, with the passphrase on the first line of this file",
        group="stored",
        metavar="FILE",
        actions=_OPENS,
    ),
    Option(
        name="encryption",
        kind=Kind.CHOICE,
        help="auto: aes-256-gcm, but a chain keeps the cipher it began with; aes-256-cfb is what 19.0.0 reads",
        group="stored",
        default="auto",
        choices=("auto", "aes-256-gcm", "aes-256-cfb"),
        actions=_BACKUP,
        upstream=False,
    ),
    Option(
        name="allow_unauthenticated",
        kind=Kind.FLAG,
        help="write or read backups that are not authenticated (in clear, aes-256-cfb) where authenticated ones are "
        "expected",
        group="stored",
        default="false",
        actions=_READS,
        upstream=False,
    ),
    Option(
        name="trust_pass_file_permissions",
        kind=Kind.FLAG,
        help="accept a pass file that others can read, as 19.0.0 does",
        group="stored",
        default="false",
        actions=_OPENS,
        upstream=False,
    ),
    Option(
        name="max_segment_size",
        kind=Kind.SIZE,
        help="size of the pieces that are stored at a time",
        group="stored",
        short="M",
        default="33554432",
        unit="bytes",
        minimum=1,
        actions=_WRITES,
        aliases=(Alias("max_seg_size", Generation.COMMAND),),
        tenant_may_set=True,
    ),
    Option(
        name="rsync_block_size",
        kind=Kind.SIZE,
        help="block size of new backups of engine rsyncv2",
        group="stored",
        default="4096",
        unit="bytes",
        minimum=1,
        actions=_BACKUP,
        unbuilt="the rsync formats",
        tenant_may_set=True,
    ),
    Option(
        name="consistency_check",
        kind=Kind.FLAG,
        help="compute a checksum of the source and report it",
        group="stored",
        default="false",
        actions=_BACKUP,
    ),
)
