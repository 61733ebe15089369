"""Which backups go."""

from __future__ import annotations

from freezer.options.spec import Kind, Option

_AFTER = ("admin", "backup", "forget")


def _keep(name: str, what: str) -> Option:
    return Option(
        name=name,
        kind=Kind.INTEGER,
        help=f"keep {what}",
        group="retention",
        metavar="N",
        minimum=1,
        actions=_AFTER,
        upstream=False,
        tenant_may_set=True,
    )


OPTIONS = (
    Option(
        name="remove_older_than",
        kind=Kind.DAYS,
        help="remove the chains whose newest backup is older than this; with backup: after a complete one; with "
        "restore, where 19.0.0 removes too, nothing is removed",
        group="retention",
        short="R",
        unit="days",
        minimum=0,
        actions=_AFTER,
        tenant_may_set=True,
    ),
    Option(
        name="remove_before_date",
        kind=Kind.DATE,
        help="remove the chains whose newest backup is not later than this; without an offset it is UTC; never "
        "carried out with restore",
        group="retention",
        actions=_AFTER,
        tenant_may_set=True,
    ),
    Option(
        name="remove_from_date",
        kind=Kind.DATE,
        help="older name with the same meaning as --remove-before-date",
        group="retention",
        actions=_AFTER,
        tenant_may_set=True,
    ),
    _keep("keep_last", "the newest N backups"),
    _keep("keep_hourly", "the newest backup of each of the last N hours that have one"),
    _keep("keep_daily", "the newest backup of each of the last N days that have one"),
    _keep("keep_weekly", "the newest backup of each of the last N weeks that have one"),
    _keep("keep_monthly", "the newest backup of each of the last N months that have one"),
    _keep("keep_yearly", "the newest backup of each of the last N years that have one"),
    Option(
        name="keep_within",
        kind=Kind.DAYS,
        help="keep every backup that is younger than this",
        group="retention",
        unit="days",
        minimum=0,
        actions=_AFTER,
        upstream=False,
        tenant_may_set=True,
    ),
    Option(
        name="keep_tag",
        kind=Kind.TEXT,
        help="keep every backup that has this tag; may be given several times",
        group="retention",
        metavar="WORD",
        repeatable=True,
        actions=_AFTER,
        upstream=False,
        tenant_may_set=True,
    ),
    Option(
        name="keep_verified",
        kind=Kind.INTEGER,
        help="in a repository, keep the newest N backups that a check has read or a drill has restored, whatever the "
        "rules say",
        group="retention",
        metavar="N",
        default="3",
        minimum=0,
        actions=_AFTER,
        upstream=False,
    ),
    Option(
        name="allow_empty",
        kind=Kind.FLAG,
        help="let the rules remove even the newest good chain of a backup",
        group="retention",
        default="false",
        actions=_AFTER,
        upstream=False,
    ),
    Option(
        name="fullbackup_rotation",
        kind=Kind.INTEGER,
        help="keep this many of the newest full Cinder backups",
        group="retention",
        default="1",
        minimum=1,
        actions=("admin",),
        modes=("cindernative",),
        unbuilt="OpenStack",
        tenant_may_set=True,
    ),
    Option(
        name="cindernative_freezer_only",
        kind=Kind.FLAG,
        help="touch only Cinder backups that Freezer has made",
        group="retention",
        default="true",
        actions=("admin",),
        modes=("cindernative",),
        unbuilt="OpenStack",
        tenant_may_set=True,
    ),
)
