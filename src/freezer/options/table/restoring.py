"""Choosing a backup and bringing it back; listing and checking."""

from __future__ import annotations

from freezer.options.spec import Alias, Generation, Kind, Option

_RESTORE = ("restore",)
_CHOOSES = ("restore", "show")
_NAMES_ONE = (*_CHOOSES, "forget", "hold", "release", "drill")
_READS = ("restore", "show", "check")

_RESTORING = (
    Option(
        name="restore_abs_path",
        kind=Kind.PATH,
        help="directory to restore into; it is created if need be",
        group="restore",
        actions=_RESTORE,
    ),
    Option(
        name="restore_from_date",
        kind=Kind.DATE,
        help="take the newest backup not later than this; without an offset it is UTC",
        group="restore",
        actions=_CHOOSES,
        tenant_may_set=True,
    ),
    Option(
        name="restore_level",
        kind=Kind.INTEGER,
        help="take the newest backup of exactly this level",
        group="restore",
        minimum=0,
        actions=_CHOOSES,
        upstream=False,
        tenant_may_set=True,
    ),
    Option(
        name="restore_backup_id",
        cli="id",
        kind=Kind.TEXT,
        help="take the backup with this id, as list shows it; of those in a repository the beginning is enough",
        group="restore",
        actions=_NAMES_ONE,
        upstream=False,
        tenant_may_set=True,
    ),
    Option(
        name="only",
        kind=Kind.PATH,
        help="only this file or directory, relative to the backup's root; in a repository also a pattern (*.conf); "
        "may be given several times",
        group="restore",
        metavar="PATH",
        repeatable=True,
        actions=("restore", "show", "drill"),
        upstream=False,
    ),
    Option(
        name="overwrite",
        kind=Kind.FLAG,
        help="restore into a directory that is not empty",
        group="restore",
        default="false",
        actions=_RESTORE,
    ),
    Option(
        name="overwrite_policy",
        kind=Kind.CHOICE,
        help="what to do with a file that is there already",
        group="restore",
        choices=("never", "if-newer", "if-changed", "always"),
        default_note="always with --overwrite",
        actions=_RESTORE,
        upstream=False,
    ),
    Option(
        name="delete",
        kind=Kind.FLAG,
        help="remove from the target what the backup does not hold",
        group="restore",
        default="false",
        actions=_RESTORE,
        upstream=False,
    ),
    Option(
        name="same_owner",
        kind=Kind.FLAG,
        help="give files back to their owners, where we may",
        group="restore",
        default="true",
        actions=_RESTORE,
        upstream=False,
    ),
    Option(
        name="numeric_owner",
        kind=Kind.FLAG,
        help="restore owners by number, not by name",
        group="restore",
        default="false",
        actions=_RESTORE,
        upstream=False,
    ),
    Option(
        name="consistency_checksum",
        kind=Kind.TEXT,
        help="compare what was restored with this checksum",
        group="restore",
        actions=_RESTORE,
    ),
)

_READING = (
    Option(
        name="list",
        kind=Kind.FLAG,
        help="list the objects of the container, not the containers",
        group="reading",
        short="l",
        default="false",
        actions=("info",),
        upstream=False,
        aliases=(Alias("list_objects", Generation.COMMAND),),
    ),
    Option(
        name="read_data",
        kind=Kind.SHARE,
        help="read, decrypt and decompress every byte, not only the structure; N% of a repository is that share of it, "
        "what was not read for the longest time first",
        group="reading",
        default="0%",
        implied="100%",
        minimum=0,
        maximum=100,
        actions=("check",),
        upstream=False,
    ),
)

_BELIEVED = (
    Option(
        name="restore_max_entries",
        kind=Kind.INTEGER,
        help="refuse a backup with more entries than this",
        group="limits",
        default="100000000",
        minimum=1,
        actions=_READS,
        upstream=False,
    ),
    Option(
        name="restore_max_depth",
        kind=Kind.INTEGER,
        help="leave out what lies deeper than so many directories",
        group="limits",
        default="2048",
        minimum=1,
        actions=_READS,
        upstream=False,
    ),
    Option(
        name="restore_max_expansion",
        kind=Kind.INTEGER,
        help="refuse a level that expands to more bytes than this for each stored one, than its record says and than "
        "1 GiB; authenticated ones may",
        group="limits",
        default="10000",
        minimum=1,
        actions=_READS,
        upstream=False,
    ),
    Option(
        name="restore_max_record",
        kind=Kind.SIZE,
        help="refuse a backup with an extended header or a name longer than this",
        group="limits",
        default="8M",
        minimum=1,
        actions=_READS,
        upstream=False,
    ),
    Option(
        name="restore_max_listing",
        kind=Kind.SIZE,
        help="refuse a backup with a list of one directory's names longer than this",
        group="limits",
        default="2G",
        minimum=1,
        actions=_READS,
        upstream=False,
    ),
    Option(
        name="restore_max_extents",
        kind=Kind.INTEGER,
        help="refuse a backup with a sparse file in more pieces than this",
        group="limits",
        default="400000",
        minimum=1,
        actions=_READS,
        upstream=False,
    ),
)

OPTIONS = (*_RESTORING, *_READING, *_BELIEVED)
