"""Who we are: keys that were given, those of the environment, or whatever botocore finds.

botocore knows the files in ``~/.aws``, profiles, assumed roles, single sign-on, web identities, and the roles of
instances and containers. Importing it takes half a second of CPU time, so it is asked only for what nothing plainer
says.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from freezer.errors import PermissionDenied, UsageError
from freezer.secret import Secret
from freezer.storage.s3.address import Access, Style, check_endpoint
from freezer.storage.s3.signing import Keys

_FILES = (("AWS_CONFIG_FILE", "~/.aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
_INSTALL = "pip install 'freezer[s3]'"


@dataclass(frozen=True, slots=True)
class Given:
    """What the user said; None for what was not."""

    access_key: str | None = None
    secret_key: Secret | None = None
    endpoint: str | None = None
    region: str | None = None
    style: Style | None = None
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class _Profile:
    """What the files in ``~/.aws`` say."""

    endpoint: str | None = None
    region: str | None = None
    style: str | None = None
    authorities: str | None = None


def find_access(given: Given, environ: Mapping[str, str]) -> Access:
    """Who and where we are: ``given``, then the environment, then AWS's files and roles.

    :class:`UsageError` for half a pair of keys, for none at all, and for what cannot be; :class:`PermissionDenied` if
    a role or profile gives no keys.
    """
    keys = _plain_keys(given, environ)
    session: Any = None
    profile = _Profile()
    if keys is None or _has_files(environ):
        session = _session()
        profile = _read_profile(session, environ)
    authorities = environ.get("AWS_CA_BUNDLE") or profile.authorities or ""
    if authorities and not given.insecure and not os.path.exists(authorities):
        raise UsageError(f"AWS_CA_BUNDLE {authorities}: there is no such file")
    endpoint = (
        given.endpoint or environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or profile.endpoint
    )
    region = given.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or profile.region
    return Access(
        keys=_found(session) if keys is None else lambda: keys,
        endpoint=check_endpoint(endpoint) if endpoint else None,
        region=region or None,
        style=given.style or _style(profile.style),
        trust=None if given.insecure else authorities,
    )


def _plain_keys(given: Given, environ: Mapping[str, str]) -> Keys | None:
    """Keys that stand in options or in the environment."""
    if bool(given.access_key) != (given.secret_key is not None):
        missing = "--secret-key" if given.access_key else "--access-key"
        raise UsageError(f"{missing} is missing: S3 keys come in pairs")
    if given.access_key and given.secret_key is not None:
        return Keys(given.access_key, given.secret_key)
    access, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access and not secret:
        return None
    if not access or not secret:
        raise UsageError(f"AWS_{'SECRET_ACCESS_KEY' if access else 'ACCESS_KEY_ID'} is missing in the environment")
    return Keys(access, Secret.from_text(secret), environ.get("AWS_SESSION_TOKEN", ""))


def _has_files(environ: Mapping[str, str]) -> bool:
    return "AWS_PROFILE" in environ or any(
        os.path.exists(os.path.expanduser(environ.get(variable, path))) for variable, path in _FILES
    )


def _session() -> Any:
    try:
        from botocore.session import Session
    except ModuleNotFoundError as error:
        raise UsageError(f"--storage s3 needs {error.name}, which is not installed", hint=_INSTALL) from None
    return Session()


def _read_profile(session: Any, environ: Mapping[str, str]) -> _Profile:
    from botocore.configprovider import ConfiguredEndpointProvider
    from botocore.exceptions import BotoCoreError

    try:
        own = session.get_scoped_config()
        endpoint = ConfiguredEndpointProvider(session.full_config, own, "s3", environ).provide()
    except BotoCoreError as error:
        raise UsageError(f"the files in ~/.aws: {error}", hint="check AWS_PROFILE") from None
    nested = own.get("s3")
    style = nested.get("addressing_style") if isinstance(nested, dict) else None
    return _Profile(endpoint, own.get("region"), style, own.get("ca_bundle"))


def _found(session: Any) -> Any:
    """What gives us botocore's keys, which it renews before they expire."""
    from botocore.exceptions import BotoCoreError

    def keys() -> Keys:
        try:
            found = credentials.get_frozen_credentials()
        except BotoCoreError as error:
            raise PermissionDenied(f"there are no S3 keys: {error}") from None
        return Keys(found.access_key, Secret.from_text(found.secret_key), found.token or "")

    try:
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise PermissionDenied(f"there are no S3 keys: {error}") from None
    if credentials is None:
        raise UsageError(
            "there are no S3 keys",
            hint="pass --access-key and --secret-key in a file, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "AWS_PROFILE, or a role for this machine",
        )
    return keys


def _style(text: str | None) -> Style:
    if text is None:
        return Style.AUTO
    try:
        return Style(text)
    except ValueError:
        raise UsageError(f"addressing_style {text} in the files in ~/.aws is none of auto, path and virtual") from None
