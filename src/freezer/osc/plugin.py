"""The plugin ``backup`` of python-openstackclient."""

from __future__ import annotations

import argparse
import os
from typing import Any

from freezer.client import Api
from freezer.client.identity import Elsewhere, Identity
from freezer.client.wire import Wire
from freezer.clock import SystemClock

API_NAME = "backup"
API_VERSION_OPTION = "os_backup_api_version"
DEFAULT_API_VERSION = "2"
API_VERSIONS = {"2": "freezer.client.Api"}


def make_client(instance: Any) -> Api:
    """The API as the user of ``openstack``, whose session ``instance`` has, is let into it."""
    from freezer.keystone.plugins import PluginAccess

    interface = (instance.interface or "public").removesuffix("URL")
    identity: Identity = PluginAccess(instance.session, instance.auth, region=instance.region_name, interface=interface)
    if url := os.environ.get("OS_BACKUP_URL"):
        identity = Elsewhere(identity, url)
    return Api(Wire(identity, SystemClock()))


def build_option_parser(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """``parser`` with the plugin's own options."""
    parser.add_argument(
        "--os-backup-api-version",
        metavar="<backup-api-version>",
        default=os.environ.get("OS_BACKUP_API_VERSION", DEFAULT_API_VERSION),
        help=f"version of the backup API, default: {DEFAULT_API_VERSION} (OS_BACKUP_API_VERSION)",
    )
    return parser
