"""``freezer-manage user …`` and ``token …``: who is let in with HTTP Basic."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from freezer.api.config import ApiSettings
from freezer.clock import SystemClock, utc_text
from freezer.cmd.manage.command import Command, Context
from freezer.errors import UsageError

if TYPE_CHECKING:
    from freezer.api.auth.editing import Files

_HOUR = 3600
_MOST_HOURS = 87_600


def _files(settings: ApiSettings) -> Files:
    from freezer.api.auth.editing import Files

    return Files(settings.passwords, settings.users)


def _add_user(context: Context) -> None:
    from freezer.api.auth.editing import add
    from freezer.api.auth.users import User

    given = context.given
    user = User(given.project, tuple(given.role or User.__struct_defaults__[0]))
    add(_files(context.settings()), given.name, user, lambda: context.password(given.name))


def _change_password(context: Context) -> None:
    from freezer.api.auth.editing import change_password

    name = context.given.name
    change_password(_files(context.settings()), name, lambda: context.password(name))


def _disable(context: Context) -> None:
    from freezer.api.auth.editing import disable

    disable(_files(context.settings()), context.given.name, disabled=True)


def _enable(context: Context) -> None:
    from freezer.api.auth.editing import disable

    disable(_files(context.settings()), context.given.name, disabled=False)


def _list_users(context: Context) -> None:
    from freezer.api.auth.editing import listed

    for name, user in listed(_files(context.settings())):
        state = "disabled" if user.disabled else "enabled"
        context.output.text(f"{name}\t{user.project}\t{','.join(user.roles)}\t{state}\n")


def _create_token(context: Context) -> None:
    from freezer.api.auth.basic import issue
    from freezer.api.auth.tokens import Signer, read_key
    from freezer.api.auth.users import Users

    settings, clock = context.settings(), SystemClock()
    hours = settings.token_hours if context.given.hours is None else context.given.hours
    if not 1 <= hours <= _MOST_HOURS:
        raise UsageError(f"--hours takes a number from 1 to {_MOST_HOURS}")
    users, name = Users(settings.passwords, settings.users, clock), context.given.name
    if users.identity(name) is None:
        raise UsageError(f"there is no user {name}, or it is disabled", hint="freezer-manage user list")
    token, claims = issue(users, Signer(read_key(settings.token_key)), name, clock.now(), hours * _HOUR)
    context.output.text(f"{token}\n")
    context.output.notice(f"token {claims.id} of {name}, until {utc_text(claims.expires)}")


def _revoke_tokens(context: Context) -> None:
    from freezer.api.auth.editing import end_token, end_tokens

    files, given = _files(context.settings()), context.given
    if given.id is None:
        end_tokens(files, given.name, SystemClock().now())
    else:
        end_token(files, given.name, given.id)


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the user")


def _new(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("--project", default="default", help="the project that it works in (default)")
    parser.add_argument("--role", action="append", help="may be given several times (member and reader)")


def _hours(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("--hours", type=int, help="how long it is valid (token_hours of the configuration)")


def _which(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("id", nargs="?", metavar="ID", help="one token; without it all that were given until now")


COMMANDS = (
    Command(("user", "add"), "let somebody in; the password is asked for, or comes on standard input", _add_user, _new),
    Command(("user", "passwd"), "give a user another password, which ends its tokens", _change_password, _name),
    Command(("user", "disable"), "refuse a user's password and tokens from now on", _disable, _name),
    Command(("user", "enable"), "take them again", _enable, _name),
    Command(("user", "list"), "print users, their projects and roles", _list_users),
    Command(("token", "create"), "print a token that every server with the same key takes", _create_token, _hours),
    Command(("token", "revoke"), "refuse tokens of a user from now on", _revoke_tokens, _which),
)
