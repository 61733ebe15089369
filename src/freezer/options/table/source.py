"""What is backed up, from which view of the disk, and at which level."""

from __future__ import annotations

from freezer.options.spec import Alias, Generation, Kind, Option

_BACKUP = ("backup",)
_SNAPSHOTS = "volume snapshots"
_DATABASES = "databases"

_SOURCE = (
    Option(
        name="path_to_backup",
        kind=Kind.PATH,
        help="directory or file to back up",
        group="source",
        short="F",
        actions=_BACKUP,
        modes=("fs", "mysql", "mongo", "sqlserver"),
        aliases=(Alias("file_to_backup", Generation.COMMAND), Alias("src_file", Generation.DOCUMENT)),
    ),
    Option(
        name="exclude",
        kind=Kind.TEXT,
        help="leave out what matches this pattern; may be given several times",
        group="source",
        metavar="PATTERN",
        actions=_BACKUP,
        modes=("fs", "mysql", "mongo", "sqlserver"),
        repeatable=True,
    ),
    Option(
        name="dereference_symlink",
        kind=Kind.CHOICE,
        help="store what symbolic links (soft), hard links (hard) or both (all) lead to, instead of the links",
        group="source",
        choices=("none", "soft", "hard", "all"),
        default="none",
        actions=_BACKUP,
        modes=("fs", "mysql", "mongo", "sqlserver"),
    ),
    Option(
        name="sync",
        kind=Kind.FLAG,
        help="write the kernel's buffers to disk before the backup",
        group="source",
        default="true",
        actions=_BACKUP,
        modes=("fs",),
    ),
    Option(
        name="allow_empty_source",
        kind=Kind.FLAG,
        help="back up a source that is empty although its last backup was not (an unmounted disk looks like that)",
        group="source",
        default="false",
        actions=_BACKUP,
        upstream=False,
    ),
)

_LEVELS = (
    Option(
        name="incremental",
        kind=Kind.FLAG,
        help="store what changed since the last backup; the level options below imply it",
        group="levels",
        default="false",
        actions=("backup", "restore"),
        tenant_may_set=True,
    ),
    Option(
        name="no_incremental",
        kind=Kind.FLAG,
        help="true: make a full backup; false: an incremental one (the older programs' switch)",
        group="levels",
        actions=("backup", "restore"),
        upstream=False,
        tenant_may_set=True,
    ),
    Option(
        name="max_level",
        kind=Kind.INTEGER,
        help="highest level; the backup after it is full again",
        group="levels",
        minimum=0,
        zero_unset=True,
        actions=_BACKUP,
        aliases=(Alias("max_backup_level", Generation.DOCUMENT),),
        tenant_may_set=True,
    ),
    Option(
        name="always_level",
        kind=Kind.INTEGER,
        help="after this level is reached, repeat it: each such backup holds all changes since the level below",
        group="levels",
        minimum=0,
        zero_unset=True,
        actions=_BACKUP,
        aliases=(Alias("always_backup_level", Generation.DOCUMENT),),
        tenant_may_set=True,
    ),
    Option(
        name="restart_always_level",
        kind=Kind.DAYS,
        help="full backup if the full backup that the newest chain began with is older than this",
        group="levels",
        unit="days",
        minimum=0,
        zero_unset=True,
        actions=_BACKUP,
        aliases=(Alias("restart_always_backup", Generation.DOCUMENT),),
        tenant_may_set=True,
    ),
)

_SNAPSHOT = (
    Option(
        name="snapshot",
        kind=Kind.SWITCH,
        help="back up from a volume snapshot (LVM, VSS); any value but false means yes",
        group="snapshot",
        short="s",
        default="false",
        actions=_BACKUP,
        unbuilt=_SNAPSHOTS,
    ),
    Option(
        name="lvm_srcvol",
        kind=Kind.TEXT,
        help="logical volume to take the snapshot of; alone it asks for the snapshot",
        group="snapshot",
        default_note="the volume that the path is on",
        actions=_BACKUP,
        unbuilt=_SNAPSHOTS,
    ),
    Option(
        name="lvm_volgroup",
        kind=Kind.TEXT,
        help="volume group of the snapshot",
        group="snapshot",
        default_note="the group of the volume",
        actions=_BACKUP,
        unbuilt=_SNAPSHOTS,
    ),
    Option(
        name="lvm_snapname",
        kind=Kind.TEXT,
        help="name of the snapshot",
        group="snapshot",
        default_note="freezer_backup_snap_ and a random part",
        actions=_BACKUP,
        unbuilt=_SNAPSHOTS,
    ),
    Option(
        name="lvm_snapperm",
        cli="lvm-snap-perm",
        kind=Kind.CHOICE,
        help="permission of the snapshot",
        group="snapshot",
        default="ro",
        choices=("ro", "rw"),
        actions=_BACKUP,
        unbuilt=_SNAPSHOTS,
    ),
    Option(
        name="lvm_snapsize",
        kind=Kind.TEXT,
        help="size of the snapshot, absolute (1G) or relative (5%ORIGIN)",
        group="snapshot",
        default="1G",
        actions=_BACKUP,
        unbuilt=_SNAPSHOTS,
    ),
    Option(
        name="lvm_dirmount",
        kind=Kind.PATH,
        help="directory to mount the snapshot on",
        group="snapshot",
        default_note="/var/lib/freezer/mount_ and a random part",
        actions=_BACKUP,
        unbuilt=_SNAPSHOTS,
    ),
)

_DATABASE = (
    Option(
        name="mysql_conf",
        kind=Kind.PATH,
        help="file with the section [default] and host, port, user and password of the MySQL server",
        group="database",
        metavar="FILE",
        actions=_BACKUP,
        modes=("mysql",),
        unbuilt=_DATABASES,
        executes=True,
    ),
    Option(
        name="sql_server_conf",
        kind=Kind.PATH,
        help="file with the section [default] and the instance of the SQL Server",
        group="database",
        metavar="FILE",
        actions=_BACKUP,
        modes=("sqlserver",),
        unbuilt=_DATABASES,
        executes=True,
    ),
)

OPTIONS = (*_SOURCE, *_LEVELS, *_SNAPSHOT, *_DATABASE)
