"""``freezer-manage keystone …``: the API in OpenStack's catalogue of services."""

from __future__ import annotations

import argparse
import os
from urllib.parse import urlsplit

from freezer.cmd.manage.command import Command, Context
from freezer.errors import UsageError

_INTERFACES = ("public", "internal", "admin")


def _register(context: Context) -> None:
    from freezer.keystone import read_credentials
    from freezer.keystone.access import CloudAccess
    from freezer.keystone.registering import Account, Service, employ, enter

    given = context.given
    credentials = read_credentials(
        os.environ, source="the environment", insecure=given.insecure, home=os.path.expanduser("~")
    )
    urls = {each: _url(getattr(given, f"{each}_url") or given.url) for each in _INTERFACES}
    region = given.region or credentials.region or "RegionOne"
    service = Service("backup", given.name, "Freezer Backup Service", region, urls)
    access = CloudAccess(credentials)
    done: list[str] = []
    try:
        done.extend(enter(access, service))
        if not given.no_user:
            account = Account(given.user, given.project, given.role, given.domain)
            done.extend(employ(access, account, lambda: context.password(f"the user {given.user}")))
    finally:
        access.close()
    for line in done:
        context.output.text(f"{line}\n")
    if not done:
        context.output.notice("everything is there already")


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{text} is no address of a server", hint="for example http://controller:9090")
    return text.rstrip("/")


def _options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("url", metavar="URL", help="where freezer-api is, for example http://controller:9090")
    for each in _INTERFACES:
        add(f"--{each}-url", metavar="URL", help=f"another address for the interface {each}")
    add("--region", help="the region (OS_REGION_NAME, else RegionOne)")
    add("--name", default="freezer", help="name of the service (freezer)")
    add("--user", default="freezer", help="the user by which freezer-api asks about tokens (freezer)")
    add("--project", default="service", help="the project in which it has its role (service)")
    add("--role", default="service", help="that role (service)")
    add("--domain", default="default", help="id of the domain of user and project (default)")
    add("--no-user", action="store_true", help="enter the service and its endpoints only")
    add("-k", "--insecure", action="store_true", help="do not check certificates")


COMMANDS = (
    Command(
        ("keystone", "register"),
        "enter the API into Keystone's catalogue, with a user of its own; OS_… variables say who does it",
        _register,
        _options,
    ),
)
