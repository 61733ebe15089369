"""What the engine decides about options: which of them it has no use for, and what the actions on repositories need."""

from __future__ import annotations

from collections.abc import Mapping

from freezer.errors import UsageError
from freezer.options.commandline import SOURCE
from freezer.options.resolve import Settings
from freezer.options.spec import REPOSITORY_ACTIONS
from freezer.options.table import OPTIONS, main_spelling
from freezer.options.values import where

DEDUP = "dedup"

_ONE_SCAN = "every backup of engine dedup is a full one that stores only what is new"
_SEALED = "a repository is encrypted and authenticated as a whole, from init on"
_WITHOUT_DEDUP: Mapping[str, str] = {
    "max_level": _ONE_SCAN,
    "always_level": _ONE_SCAN,
    "restart_always_level": _ONE_SCAN,
    "restore_level": "backups of engine dedup have no levels",
    "max_segment_size": "engine dedup stores packs: --pack-size",
    "queue_size": "engine dedup stores packs: --upload-concurrency",
    "allow_unauthenticated": _SEALED,
}
_FIXED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "compression": (("zstd",), "engine dedup compresses with zstd"),
    "encryption": (("auto", "aes-256-gcm"), _SEALED),
}
_STORELESS = frozenset({"exec", "info", "check-storage", "copy"})


def check_engine(settings: Settings, action: str) -> list[str]:
    """Refuse what the engine that is asked for cannot honour; return notices about what has no effect.

    As everywhere, what stands in a machine's configuration is for other runs too, and is a notice at most.
    """
    dedup = settings.text("engine_name") == DEDUP
    if action in REPOSITORY_ACTIONS or (dedup and action not in _STORELESS):
        if settings.source("engine_name") == SOURCE and not dedup:
            raise UsageError(f"{action} concerns repositories, which only engine dedup has")
        _one_storage(settings, action)
        return _unused_by_dedup(settings)
    return _only_for_others(settings) if action == "backup" else []


def _one_storage(settings: Settings, action: str) -> None:
    if len(settings.storages) > 1 and not settings.is_set("from_storage"):
        raise UsageError(
            f"{action} with engine dedup works on one storage, and there are {len(settings.storages)}",
            hint="give one [storage:NAME] section, or --storage and --container",
        )


def _unused_by_dedup(settings: Settings) -> list[str]:
    found = {name: why for name, why in _WITHOUT_DEDUP.items() if settings.given(name) and settings.is_set(name)}
    for name, (possible, why) in _FIXED.items():
        if settings.given(name) and settings.text(name) not in possible:
            found[name] = why
    return [note for name, why in found.items() for note in _refused(settings, name, why)]


def _only_for_others(settings: Settings) -> list[str]:
    engine = settings.text("engine_name")
    why = f"only engine {DEDUP} has a use for it, not {engine}"
    idle = [option for option in OPTIONS if option.engines and engine not in option.engines]
    return [note for option in idle if settings.given(option.name) for note in _refused(settings, option.name, why)]


def _refused(settings: Settings, name: str, why: str) -> list[str]:
    source = settings.source(name)
    text = f"{main_spelling(name)}{where(source)} has no meaning here: {why}"
    if source in {SOURCE, settings.optional_text("config")}:
        raise UsageError(text)
    return [text]


def check_repository_action(settings: Settings, action: str) -> None:
    """What ``init``, ``forget``, ``key-add`` and ``key-remove`` need beyond single options."""
    opens = [name for name in ("encrypt_pass_file", "machine_secret_file") if settings.is_set(name)]
    if len(opens) > 1:
        raise UsageError("only one of --encrypt-pass-file and --machine-secret-file can be given")
    if action == "init":
        _check_init(settings, encrypted=bool(opens))
    new = [name for name in ("new_pass_file", "new_machine_secret_file") if settings.is_set(name)]
    if action == "key-add" and len(new) != 1:
        raise UsageError("key add needs one of --new-pass-file and --new-machine-secret-file")
    if action == "key-remove" and settings.is_set("key_id") == settings.is_set("key_label"):
        raise UsageError("key remove needs one of --key-id and --key-label", hint="freezer-agent key list shows them")


def _check_init(settings: Settings, *, encrypted: bool) -> None:
    if settings.flag("unencrypted") and encrypted:
        raise UsageError("--unencrypted contradicts --encrypt-pass-file and --machine-secret-file")
    if not settings.flag("unencrypted") and not encrypted:
        raise UsageError(
            "init needs --encrypt-pass-file, or --unencrypted if everybody who reads the storage may read the backups"
        )
