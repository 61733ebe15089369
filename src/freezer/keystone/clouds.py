"""``clouds.yaml``: a cloud of it as ``OS_…`` variables.

Format and places are openstacksdk's: ``$OS_CLIENT_CONFIG_FILE``, or the first of ``./clouds.yaml``,
``~/.config/openstack/clouds.yaml`` and ``/etc/openstack/clouds.yaml``; a ``secure.yaml`` beside it adds secrets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from freezer.errors import UsageError

_TOP = {
    "region_name": "OS_REGION_NAME",
    "interface": "OS_INTERFACE",
    "endpoint_type": "OS_INTERFACE",
    "cacert": "OS_CACERT",
    "cert": "OS_CERT",
    "key": "OS_KEY",
    "auth_type": "OS_AUTH_TYPE",
    "backup_endpoint_override": "OS_BACKUP_URL",
    "backup_api_version": "OS_BACKUP_API_VERSION",
}


def cloud_variables(name: str, file: str | None, home: str) -> dict[str, str]:
    """The variables that the cloud ``name`` means; :class:`UsageError` if there is no such cloud."""
    path = _find(file, home)
    clouds = _clouds(path)
    if name not in clouds:
        known = ", ".join(sorted(clouds)) or "none"
        raise UsageError(f"OS_CLOUD {name}: {path} has no such cloud (it has: {known})")
    secure = os.path.join(os.path.dirname(path), "secure.yaml")
    cloud = clouds[name]
    if os.path.isfile(secure):
        cloud = _merged(cloud, _clouds(secure).get(name, {}))
    return _variables(cloud, f"{path}: cloud {name}")


def _find(file: str | None, home: str) -> str:
    if file is not None:
        return file
    places = [os.getcwd(), os.path.join(home, ".config", "openstack"), "/etc/openstack"]
    names = [os.path.join(place, f"clouds.{ending}") for place in places for ending in ("yaml", "yml")]
    found = next((path for path in names if os.path.isfile(path)), None)
    if found is None:
        raise UsageError(f"OS_CLOUD is set, but there is no clouds.yaml in {', '.join(places)}")
    return found


def _clouds(path: str) -> dict[str, Any]:
    try:
        import yaml
    except ImportError:
        raise UsageError(
            f"{path} cannot be read: PyYAML is not installed", hint="pip install 'freezer[swift]'"
        ) from None
    try:
        with open(path, encoding="utf-8") as file:
            document = yaml.safe_load(file)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1} " if mark is not None else ""
        raise UsageError(f"{path}: {where}is not YAML") from None
    clouds = document.get("clouds") if isinstance(document, dict) else None
    if not isinstance(clouds, dict) or not all(isinstance(cloud, dict) for cloud in clouds.values()):
        raise UsageError(f"{path} has no section 'clouds' with a cloud in it")
    return clouds


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _text(value: object) -> str:
    """As a variable has it: a list with commas."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _variables(cloud: Mapping[str, Any], where: str) -> dict[str, str]:
    auth = cloud.get("auth", {})
    if not isinstance(auth, dict):
        raise UsageError(f"{where}: auth must be a mapping")
    result = {f"OS_{key.upper()}": _text(value) for key, value in auth.items() if value is not None}
    for key, variable in _TOP.items():
        if cloud.get(key) is not None:
            result[variable] = str(cloud[key])
    if cloud.get("verify") is False or cloud.get("insecure") is True:
        result["OS_INSECURE"] = "true"
    return result
