"""An API server in this process that asks a Keystone who its callers are, and makes trusts there."""

from __future__ import annotations

from pathlib import Path

from freezer.api.config import read_settings
from freezer.api.server import make_application
from servers import keystone
from support.api import fresh_database
from support.wsgi import InProcess

_CONFIGURATION = """
[database]
connection = {database}
[api]
trust_keys = {folder}/trust.keys
[keystone_authtoken]
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
username = swift
password = {password}
project_name = service
user_domain_id = default
project_domain_id = default
[centralized_scheduler]
trusts_days = 30
"""


def behind_keystone(folder: Path, url: str) -> InProcess:
    """A server with a database of its own, configured by ``freezer-api.conf`` in ``folder``."""
    config = folder / "freezer-api.conf"
    told = {"database": fresh_database(folder), "url": url, "password": keystone.SERVICE, "folder": folder}
    config.write_text(_CONFIGURATION.format(**told))
    return InProcess(make_application(read_settings([str(config)])))
