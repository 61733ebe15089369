"""What Keystone is asked about trusts (OS-TRUST of its API v3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from freezer.api.store.trusts import Trust
from freezer.errors import FreezerError, UsageError

_SCOPES = (
    "project_id",
    "project_name",
    "project_domain_id",
    "project_domain_name",
    "tenant_id",
    "tenant_name",
    "domain_id",
    "domain_name",
    "system_scope",
)
_GONE = 404
_SERVER_ERROR = 500


class KeystoneAway(FreezerError):
    """Keystone cannot be reached, or failed; nobody knows whether it has done what it was asked."""

    retryable = True


class KeystoneRefuses(FreezerError):
    """Keystone says no."""


class Keystone(Protocol):
    """What the keeper needs; KeystoneAway, KeystoneRefuses."""

    def trustee(self) -> str:
        """The id of the user that the server is, who gets the trusts."""
        ...

    def create(self, token: str, trust: Trust) -> str:
        """Make ``trust`` with the trustor's token; its id."""
        ...

    def find(self, token: str, trust: Trust) -> str | None:
        """The id of the trust that was made for this intention, if it was."""
        ...

    def delete(self, token: str, trust_id: str) -> None:
        """Remove a trust; nothing happens if it is gone."""
        ...

    def problem(self, trust_id: str) -> str:
        """Why the trustee cannot act with a trust; empty if it can."""
        ...

    def admin_token(self) -> str | None:
        """The token of somebody who may remove the trusts of all; None if nobody is configured."""
        ...


class RealKeystone:
    """Keystone as the sections ``trustee`` and ``admin`` of ``files`` describe it."""

    def __init__(self, files: Sequence[str], trustee: str, admin: str) -> None:
        from keystoneauth1 import loading
        from oslo_config import cfg

        self._settings = cfg.ConfigOpts()
        self._settings([], project="freezer-api", default_config_files=list(files), default_config_dirs=[])
        self._section = trustee
        self._admin_section = admin
        for section in (trustee, admin):
            loading.register_auth_conf_options(self._settings, section)
            loading.register_session_conf_options(self._settings, section)
        self._auth = self._load(trustee)
        if self._auth is None:
            raise UsageError(f"[{trustee}] does not say how the server logs in", hint="set auth_type and what it needs")
        self._admin = self._load(admin)
        self._session = loading.load_session_from_conf_options(self._settings, trustee, auth=self._auth)

    def _load(self, section: str, **replacing: Any) -> Any:
        from keystoneauth1 import loading

        return loading.load_auth_from_conf_options(self._settings, section, **replacing)

    def trustee(self) -> str:
        return str(_asked(lambda: self._auth.get_user_id(self._session)))

    def admin_token(self) -> str | None:
        if self._admin is None:
            return None
        return str(_asked(lambda: self._admin.get_token(self._session)))

    def create(self, token: str, trust: Trust) -> str:
        wanted = {
            "trustor_user_id": trust.trustor,
            "trustee_user_id": trust.trustee,
            "project_id": trust.project_id,
            "impersonation": False,
            "allow_redelegation": False,
            "roles": [{"name": role} for role in trust.roles],
            "expires_at": instant(trust.expires),
        }
        made = self._ask("POST", "/OS-TRUST/trusts", token, json={"trust": wanted}).json()
        return str(made["trust"]["id"])

    def find(self, token: str, trust: Trust) -> str | None:
        path = f"/OS-TRUST/trusts?trustor_user_id={trust.trustor}"
        for each in self._ask("GET", path, token).json()["trusts"]:
            same = (each["trustee_user_id"], each["project_id"]) == (trust.trustee, trust.project_id)
            if same and each["expires_at"] == instant(trust.expires):
                return str(each["id"])
        return None

    def delete(self, token: str, trust_id: str) -> None:
        try:
            self._ask("DELETE", f"/OS-TRUST/trusts/{trust_id}", token)
        except _Gone:
            return

    def problem(self, trust_id: str) -> str:
        nowhere = dict.fromkeys(_SCOPES)
        try:
            _asked(lambda: self._load(self._section, trust_id=trust_id, **nowhere).get_token(self._session))
        except KeystoneRefuses as error:
            return error.message
        return ""

    def _ask(self, method: str, path: str, token: str, **more: Any) -> Any:
        from keystoneauth1 import plugin

        def ask() -> Any:
            return self._session.request(
                path,
                method,
                authenticated=False,
                endpoint_filter={"interface": plugin.AUTH_INTERFACE, "version": (3, 0), "service_type": "identity"},
                headers={"X-Auth-Token": token},
                **more,
            )

        return _asked(ask)


class _Gone(KeystoneRefuses):
    """There is no such thing."""


def _asked(ask: Callable[[], Any]) -> Any:
    from keystoneauth1 import exceptions

    try:
        return ask()
    except exceptions.HttpError as error:
        status = error.http_status or _SERVER_ERROR
        if status >= _SERVER_ERROR:
            raise KeystoneAway(f"Keystone answers {status}") from None
        told = str(error.message or "").strip().splitlines()
        text = f"Keystone answers {status}: {told[0] if told else type(error).__name__}"
        raise (_Gone if status == _GONE else KeystoneRefuses)(text) from None
    except exceptions.ClientException as error:
        raise KeystoneAway(f"Keystone cannot be asked: {type(error).__name__}") from None


def instant(seconds: int) -> str:
    """A time as Keystone writes it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.000000Z"
