"""How a scheduler is to work: read from files, the environment and the command line, the later the stronger.

Files: ``freezer.conf`` and ``scheduler.conf``, each from the first of ``~/.freezer``, ``~``, ``/etc/freezer`` and
``/etc`` that has it, then the ``*.conf`` of ``freezer.conf.d`` and ``scheduler.conf.d`` in the same way. A key that
nobody knows is told of, and has no effect.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from freezer.errors import UsageError
from freezer.log import LogSettings
from freezer.log.keys import LOG_FLAGS, LOG_NUMBERS, LOG_TEXTS
from freezer.options.configuration import find_files, read_lines
from freezer.options.ini import read_text
from freezer.options.names import find_key
from freezer.scheduler.keys import KEYS, SECTIONS, Key

NAMES = ("freezer", "scheduler")
_LOG: Mapping[str, str] = {**LOG_TEXTS, **LOG_FLAGS, **LOG_NUMBERS, "default_log_levels": "levels"}
_ELSEWHERE = frozenset({"transport_url", "control_exchange", "rpc_response_timeout", "executor_thread_pool_size"})
_FLAG = Key(name="", section="", key="", help="", kind="flag")
_NUMBER = Key(name="", section="", key="", help="", kind="number", least=1, most=1_000_000)
FALSE_WORDS = frozenset({"false", "no", "off", "0"})
TRUE_WORDS = frozenset({"true", "yes", "on", "1"})
DEFAULT_POLICY = "/etc/freezer/node-policy.toml"
_DEFAULT_JOBS = "/etc/freezer/scheduler/conf.d" if sys.platform != "win32" else "C:\\.freezer\\scheduler\\conf.d"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What :mod:`freezer.scheduler.keys` explains. None: nobody said. ``cloud``: ``OS_…`` variables; ``files``: what
    was read; ``notices``: what has no effect in them."""

    client_id: str | None = None
    no_api: bool = False
    jobs_dir: str = _DEFAULT_JOBS
    interval: int = 60
    no_daemon: bool = False
    insecure: bool = False
    disable_exec: bool = False
    concurrent_jobs: int = 1
    enable_v1_api: bool = False
    centralized_scheduler: bool = False
    project_concurrent_jobs: int = 0
    tenants_may_set: tuple[str, ...] = ()
    state_dir: str = ""
    pid_file: str = ""
    policy_file: str = DEFAULT_POLICY
    nice: int = 0
    ionice: str = ""
    agent_memory: int = 0
    agent_time_limit: int = 0
    agent_cgroup: str = ""
    offline_runs: str = ""
    lease_seconds: int = 60
    backend_url: str | None = None
    supported_actions: tuple[str, ...] | None = None
    supported_modes: tuple[str, ...] | None = None
    supported_storages: tuple[str, ...] | None = None
    supported_engines: tuple[str, ...] | None = None
    cloud: Mapping[str, str] = {}
    log: LogSettings = LogSettings(default_file=False)
    files: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    def capabilities(self) -> dict[str, tuple[str, ...] | None]:
        """What ``[capabilities]`` says, None where it says nothing."""
        names = ("supported_actions", "supported_modes", "supported_storages", "supported_engines")
        return {name: getattr(self, name) for name in names}


def read_settings(
    environ: Mapping[str, str],
    given: Mapping[str, str],
    files: Sequence[str] = (),
    directories: Sequence[str] = (),
    *,
    log: Mapping[str, str] | None = None,
    etc: str = "/etc",
) -> Settings:
    """The settings of this machine. ``given``: by :attr:`Key.name` what the command line says, ``log``: what it says of
    the log, by oslo.log's keys; ``files`` and ``directories``: those to be read in the place of the usual ones.
    UsageError with file, line and key."""
    home = environ.get("HOME") or os.path.expanduser("~")
    paths = find_files(home, etc, files, directories, NAMES)
    values: dict[str, Any] = {}
    cloud = {name: value for name, value in environ.items() if name.startswith("OS_")}
    logged: dict[str, Any] = {}
    notices: list[str] = []
    if jobs_dir := environ.get("FREEZER_SCHEDULER_CONF_D"):
        values["jobs_dir"] = jobs_dir
    for path in paths:
        for section, written, text, number in read_lines(read_text(path, "configuration file"), path):
            key, where = written.lower().replace("-", "_"), f"{path}: line {number}: [{section}] {written}"
            found = _find(section, key)
            if found is not None:
                _set(found, text.strip(), where, values, cloud, notices)
            elif section == "DEFAULT" and key in _LOG:
                logged[_LOG[key]] = _log_value(key, text.strip(), where)
            elif section in SECTIONS or (section == "DEFAULT" and find_key(key) is None and key not in _ELSEWHERE):
                notices.append(f"{where} is no option of the scheduler and has no effect")
    for name, text in given.items():
        key_of = next(each for each in KEYS if each.name == name)
        _set(key_of, text, key_of.option, values, cloud, notices)
    for key, text in (log or {}).items():
        logged[_LOG[key]] = _log_value(key, text, f"--{key.replace('_', '-')}")
    settings = Settings(**values, cloud=cloud, files=tuple(paths), notices=tuple(notices))
    return _completed(settings, environ, home, LogSettings(**{"default_file": False, **logged}))


def _completed(settings: Settings, environ: Mapping[str, str], home: str, log: LogSettings) -> Settings:
    """``settings`` with what follows from others, or from who we are."""
    root = sys.platform != "win32" and os.geteuid() == 0
    state = settings.state_dir or (
        "/var/lib/freezer/scheduler" if root else os.path.join(home, ".freezer", "scheduler")
    )
    pid_file = settings.pid_file
    if not pid_file and (settings.state_dir or not root):
        runtime = environ.get("XDG_RUNTIME_DIR")
        folder = os.path.join(runtime, "freezer") if runtime and not settings.state_dir else state
        pid_file = os.path.join(folder, "scheduler.pid")
    cloud = {**settings.cloud, "OS_INSECURE": "true"} if settings.insecure else settings.cloud
    return replace(
        settings,
        state_dir=os.path.abspath(state),
        pid_file=os.path.abspath(pid_file or "/run/freezer/scheduler.pid"),
        jobs_dir=os.path.abspath(settings.jobs_dir),
        interval=max(settings.interval, 1),
        offline_runs=settings.offline_runs or ("hold" if settings.centralized_scheduler else "run"),
        cloud=cloud,
        log=log,
    )


def _find(section: str, key: str) -> Key | None:
    for each in KEYS:
        if section == each.section and key in {each.key, each.key.removeprefix("os_")}:
            return each
        if section == "DEFAULT" and key in each.old:
            return each
    return None


def _set(key: Key, text: str, where: str, values: dict[str, Any], cloud: dict[str, str], notices: list[str]) -> None:
    value = read_value(key, text, where)
    if key.section == "service_auth":
        if value:
            cloud[key.name] = str(value)
        return
    values[key.name] = value
    if key.idle and value:
        notices.append(f"{where} has no effect: {key.idle}")


def read_value(key: Key, text: str, where: str) -> object:
    """``text`` as the value of ``key``; UsageError that begins with ``where``."""
    if key.kind == "flag" and text.lower() in TRUE_WORDS | FALSE_WORDS:
        return text.lower() in TRUE_WORDS
    if key.kind == "number" and text.isascii() and text.isdigit() and key.least <= int(text) <= key.most:
        return int(text)
    if key.kind == "list":
        return tuple(each.strip() for each in text.split(",") if each.strip())
    if key.kind in {"text", "path"} or (key.kind == "choice" and text in key.choices):
        return os.path.expanduser(text) if key.kind == "path" else text
    raise UsageError(f"{where}: {text!r} is not possible; allowed: {key.allowed()}")


def _log_value(key: str, text: str, where: str) -> object:
    if key in LOG_FLAGS:
        return read_value(_FLAG, text, where)
    if key in LOG_NUMBERS:
        return read_value(_NUMBER, text, where)
    return tuple(each.strip() for each in text.split(",")) if key == "default_log_levels" else text
