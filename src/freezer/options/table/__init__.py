"""The option table: every option of 19.0.0 with its default, and ours, one module per subject."""

from __future__ import annotations

from collections.abc import Mapping

from freezer.options.spec import Option
from freezer.options.table import cloud, general, logs, repository, restoring, retention, source, storages, stored

GROUPS: Mapping[str, str] = {
    "general": "What to do",
    "names": "Which backup",
    "source": "What to back up",
    "levels": "Levels",
    "stored": "How it is stored",
    "repository": "Repositories (engine dedup)",
    "restore": "Restoring",
    "reading": "Listing and checking",
    "retention": "Removing old backups",
    "storage": "Where it is stored",
    "limits": "Limits",
    "commands": "Commands",
    "snapshot": "Volume snapshots",
    "database": "Databases",
    "openstack": "OpenStack",
    "logging": "Output and logging",
}
"""Headings of help and reference, in their order."""

OPTIONS: tuple[Option, ...] = (
    *general.OPTIONS,
    *source.OPTIONS,
    *stored.OPTIONS,
    *restoring.OPTIONS,
    *retention.OPTIONS,
    *repository.OPTIONS,
    *storages.OPTIONS,
    *cloud.OPTIONS,
    *logs.OPTIONS,
)

BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}

RETIRED: Mapping[str, str] = {
    "backup_type": "--mode says what is backed up, the level options which level",
    "dst_file": "--restore-abs-path says where to restore to",
    "encrypt_pass": "a passphrase is read from the first line of the file that --encrypt-pass-file names",
    "encryption_password": "a passphrase is read from the first line of the file that --encrypt-pass-file names",
    "get_object": "freezer-agent restore brings back a backup, --only a part of it",
    "glance_image_id_filter": "images are selected by --glance-image-name-filter",
    "list_containers": "freezer-agent info lists the containers",
    "lvm_auto_snap": "--snapshot finds the volume by itself",
    "os_auth_url": "credentials are read from the environment (OS_AUTH_URL and the others)",
    "os_password": "credentials are read from the environment (OS_PASSWORD and the others)",
    "os_username": "credentials are read from the environment (OS_USERNAME and the others)",
    "swift_auth_version": "credentials are read from the environment (OS_IDENTITY_API_VERSION and the others)",
}
"""Names of older releases that no option stands for any more, with what to use instead."""


def main_spelling(name: str) -> str:
    """``--max-level`` for ``max_level``."""
    return BY_NAME[name].spelling
