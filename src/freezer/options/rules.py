"""Which options contradict each other, what the generations of programs disagree about, and what this build lacks."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import msgspec

from freezer.errors import NotBuiltError, UsageError
from freezer.options.commandline import SOURCE
from freezer.options.engines import check_engine, check_repository_action
from freezer.options.resolve import Settings, StorageSection, default_value
from freezer.options.spec import REPOSITORY_ACTIONS, UPSTREAM_ACTIONS
from freezer.options.table import BY_NAME, OPTIONS, main_spelling
from freezer.options.values import where

LEVEL_OPTIONS = ("max_level", "always_level", "restart_always_level")
REMOVE_OPTIONS = ("remove_older_than", "remove_before_date", "remove_from_date")
KEEP_OPTIONS = (
    "keep_last",
    "keep_hourly",
    "keep_daily",
    "keep_weekly",
    "keep_monthly",
    "keep_yearly",
    "keep_within",
)
_IDLE_GROUPS = frozenset({"openstack", "storage", "database"})
_REQUIRED = {
    "backup": "path_to_backup",
    "restore": "restore_abs_path",
    "exec": "command",
    "hold": "restore_backup_id",
    "release": "restore_backup_id",
}
_FIELD = re.compile(r"\{([^{}]*)\}")


class IncrementalDecision(msgspec.Struct, frozen=True):
    """Whether a backup may build on the one before, and why, as text to show."""

    incremental: bool
    reason: str


def decide_incremental(settings: Settings, program: str) -> IncrementalDecision:
    """The decision for a backup.

    19.0.0 wants ``--incremental`` and refuses level options without it; the programs before it made increments unless
    ``--no-incremental true`` was given. Here level options imply increments; without any of these options a backup is
    full, as in 19.0.0, but incremental if the program is called ``freezerc`` or ``no_incremental`` is given at all.
    """
    levels = [main_spelling(name) for name in LEVEL_OPTIONS if settings.is_set(name)]
    no_incremental = settings.optional_flag("no_incremental")
    if no_incremental:
        for other in [*levels, *(["--incremental"] if settings.flag("incremental") else [])]:
            raise UsageError(f"--no-incremental and {other} contradict each other")
        return IncrementalDecision(False, "full because of --no-incremental")
    if settings.given("incremental"):
        if settings.flag("incremental"):
            return IncrementalDecision(True, "incremental because of --incremental")
        if levels:
            raise UsageError(f"{levels[0]} needs increments, but incremental is given as false")
        return IncrementalDecision(False, "full because incremental is given as false")
    if levels:
        return IncrementalDecision(True, f"incremental because of {levels[0]}")
    if no_incremental is False:
        return IncrementalDecision(True, "incremental because no_incremental is given as false")
    if program == "freezerc":
        return IncrementalDecision(True, "incremental because that is what freezerc does")
    return IncrementalDecision(False, "full because neither --incremental nor a level option is given")


def expand_backup_name(settings: Settings) -> str:
    """The backup's name with its variables filled in; a name with any other ``{…}`` stays as it is, as in 19.0.0."""
    template = settings.text("backup_name")
    fields = {
        "mode": settings.text("mode"),
        "backup_media": "fs",
        "storage": settings.text("storage"),
        "container": settings.text("container"),
        "project_id": settings.optional_text("project_id") or "None",
        "resource_id": settings.text("hostname"),
    }
    if any(name not in fields for name in _FIELD.findall(template)):
        return template
    return _FIELD.sub(lambda match: fields[match[1]], template)


def wants_snapshot(settings: Settings) -> bool:
    """Whether a volume snapshot is asked for: by ``--snapshot``, or by naming the volume alone as older programs do."""
    if settings.given("snapshot"):
        return settings.flag("snapshot")
    return settings.is_set("lvm_srcvol")


def check(settings: Settings, action: str, home: str) -> list[str]:
    """Refuse what cannot be done; return notices about what has no effect."""
    notices = [*_check_built(settings, home), *_check_places(settings, action)]
    notices += check_engine(settings, action)
    _check_storages(settings, action)
    _check_removal(settings, action)
    _check_required(settings, action)
    _check_choice(settings, action)
    if settings.sections and any(settings.source(name) == SOURCE for name in ("storage", "container")):
        notices.append("--storage and --container have no effect: the [storage:NAME] sections take their place")
    if action == "restore":
        notices += [
            f"{main_spelling(name)} has no effect on a restore: only admin and backup remove backups"
            for name in REMOVE_OPTIONS
            if settings.is_set(name)
        ]
    return notices


def _check_built(settings: Settings, home: str) -> list[str]:
    """NotBuiltError for options of parts that are missing.

    One that has its default value asks for nothing. What a machine's configuration says about clouds, storages and
    databases concerns other runs too, and is a notice.
    """
    notices: list[str] = []
    for option in OPTIONS:
        if option.name == "storage" or not settings.given(option.name):
            continue
        value, source = settings.values[option.name], settings.source(option.name)
        if option.unbuilt and value != default_value(option, home):
            if option.group in _IDLE_GROUPS and _machine_wide(settings, source):
                notices.append(f"{option.name}{where(source)} has no effect: this build has no {option.unbuilt} yet")
            else:
                raise NotBuiltError(f"{option.spelling}{where(source)}: {_lacks(option.unbuilt)}")
        if isinstance(value, str) and value in option.unbuilt_choices:
            part = option.unbuilt_choices[value]
            raise NotBuiltError(f"{option.spelling} {value}{where(source)}: {_lacks(part)}")
    return notices


def _machine_wide(settings: Settings, source: str) -> bool:
    return source not in {SOURCE, settings.optional_text("config")}


def _lacks(part: str) -> str:
    return f"this build does not have {part} yet"


def _check_storages(settings: Settings, action: str) -> None:
    if action == "exec":
        return
    _check_sections(settings, action)
    for section in settings.storages:
        part = BY_NAME["storage"].unbuilt_choices.get(section.storage)
        if part is None:
            continue
        hint = "pass --storage local and, as --container, a directory"
        raise NotBuiltError(f"--storage {section.storage}: {_lacks(part)}", hint=hint)


def _check_sections(settings: Settings, action: str) -> None:
    names = [section.name for section in settings.sections]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"there are two sections [storage:{name}]")
    for one, other in itertools.combinations(settings.sections, 2):
        if one.values == other.values:
            raise UsageError(f"[storage:{one.name}] and [storage:{other.name}] are the same place")
    if action == "copy":
        copy_ends(settings)
    else:
        named_section(settings, "from_storage")


def named_section(settings: Settings, option: str) -> StorageSection | None:
    """The ``[storage:NAME]`` section that ``from_storage`` or ``to_storage`` names; None if the option is not given."""
    name = settings.optional_text(option)
    if name is None:
        return None
    for section in settings.sections:
        if section.name == name:
            return section
    known = ", ".join(section.name for section in settings.sections)
    raise UsageError(
        f"{main_spelling(option)} {name}: there is no section [storage:{name}]",
        hint=f"there are: {known}" if known else "sections stand in the file that --config names",
    )


def copy_ends(settings: Settings) -> tuple[StorageSection, StorageSection]:
    """Where ``copy`` reads and where it writes; of two sections naming one is enough."""
    if not settings.sections:
        return _copy_within(settings)
    if settings.is_set("to_container"):
        raise UsageError("--to-container has no meaning beside [storage:NAME] sections: --to-storage names one of them")
    ends = named_section(settings, "from_storage"), named_section(settings, "to_storage")
    if len(settings.sections) == 2 and any(ends):
        others = [section for section in settings.sections if section not in ends]
        ends = ends[0] or others[0], ends[1] or others[0]
    source, target = ends
    if source is None or target is None:
        raise UsageError(
            "copy needs --from-storage and --to-storage",
            hint=f"sections of --config: {', '.join(section.name for section in settings.sections)}",
        )
    if source is target:
        raise UsageError(f"[storage:{source.name}] cannot be copied to itself")
    return source, target


def _copy_within(settings: Settings) -> tuple[StorageSection, StorageSection]:
    """From the storage of the main options to another container of it."""
    for option in ("from_storage", "to_storage"):
        named_section(settings, option)
    container = settings.optional_text("to_container")
    if container is None:
        raise UsageError(
            "copy needs --to-container, or --config with sections [storage:NAME] and --from-storage and --to-storage"
        )
    source = settings.storages[0]
    if container == source.container:
        raise UsageError(f"{container} cannot be copied to itself")
    values = {**source.values, "container": container}
    sources = {**source.sources, "container": settings.source("to_container")}
    return source, StorageSection(values, sources)


def _check_places(settings: Settings, action: str) -> list[str]:
    """Options that the action does not have.

    Ours are an error if they are typed and a notice if they stand in a job file; what a machine's configuration says
    is for all actions. 19.0.0 ignores its own in that case, and commands and files that several actions share rely on
    it; typed for an action of ours they are a notice.
    """
    notices: list[str] = []
    for option in OPTIONS:
        if option.belongs_to(action) or not settings.given(option.name):
            continue
        source = settings.source(option.name)
        typed = source == SOURCE
        text = f"{option.spelling} has no meaning for {action}, only for {_listed(option.actions)}"
        if typed and not option.upstream:
            raise UsageError(text)
        silent = action in UPSTREAM_ACTIONS or not typed if option.upstream else _machine_wide(settings, source)
        if not silent:
            notices.append(f"{text}{where(source)}")
    return notices


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _check_removal(settings: Settings, action: str) -> None:
    given = [name for name in REMOVE_OPTIONS if settings.is_set(name)]
    if len(given) > 1:
        raise UsageError(f"only one of {_listed([main_spelling(name) for name in given])} can be given")
    if action == "admin" and not asks_to_remove(settings):
        raise UsageError(
            "admin needs a rule that says what to remove: --remove-older-than DAYS, --remove-before-date DATE "
            "or one of the --keep options",
        )


def asks_to_remove(settings: Settings) -> bool:
    """Whether any rule is given that says which backups go."""
    return any(settings.is_set(name) for name in (*REMOVE_OPTIONS, *KEEP_OPTIONS)) or bool(settings.texts("keep_tag"))


def _check_required(settings: Settings, action: str) -> None:
    required = _REQUIRED.get(action)
    if action == "backup" and settings.is_set("stdin_name"):
        required = None
        if settings.is_set("path_to_backup"):
            raise UsageError("only one of --path-to-backup and --stdin-name can be given")
    if required is not None and not settings.is_set(required):
        raise UsageError(f"{action} needs {main_spelling(required)}: {BY_NAME[required].help}")
    if action in REPOSITORY_ACTIONS:
        check_repository_action(settings, action)
    if action == "info" and settings.flag("list") and not settings.storages[0].given("container"):
        raise UsageError("info --list needs --container: it lists the objects of one container")
    if action == "exec" and settings.flag("disable_exec"):
        raise UsageError(f"exec is switched off by disable_exec{where(settings.source('disable_exec'))}")


def _check_choice(settings: Settings, action: str) -> None:
    """An id says which backup is meant; a date or level beside it could mean another."""
    if not settings.is_set("restore_backup_id") or not BY_NAME["restore_backup_id"].belongs_to(action):
        return
    for name in ("restore_from_date", "restore_level"):
        if settings.is_set(name):
            raise UsageError(f"only one of {main_spelling(name)} and --id can be given")
