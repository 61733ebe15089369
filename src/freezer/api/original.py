"""What the original's configuration files may hold beside what this server reads.

A key of the original's that has no effect here is told so, with the reason where there is one; a key that not even the
original has is told apart from it, since it is a slip of the pen more often than not. The options of oslo.log have
their effect, and are read here.
"""

from __future__ import annotations

from collections.abc import Mapping

from freezer.log import DEFAULT_LEVELS, LogSettings
from freezer.log.lines import DEFAULT_DATE_FORMAT

LIBRARIES = frozenset({"keystone_authtoken", "oslo_policy", "trust_admin"})
"""Sections that are read, and checked, by the libraries they are named after."""

LOG_FORMAT = "%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [%(request_id)s] %(message)s"

_QUIET = ("alembic=WARN", "keystonemiddleware=WARN", "oslo_policy=WARN")


def log_settings(given: Mapping[str, object]) -> LogSettings:
    """How the server logs; on standard error unless ``given``, the fields that were set, lead elsewhere."""
    elsewhere = given.keys() & {"file", "directory", "syslog", "journal"}
    usual = {
        "format": LOG_FORMAT,
        "date_format": DEFAULT_DATE_FORMAT,
        "levels": (*DEFAULT_LEVELS, *_QUIET),
        "stderr": not elsewhere,
        "default_file": False,
    }
    return LogSettings(**{**usual, **given})  # type: ignore[arg-type]


_BODY = "a body has at most 1 MiB"
_PASTE = "there is no Paste; what its pipeline did is always done"
_LOGGING = frozenset(
    {
        "fatal_deprecations",
        "instance_format",
        "instance_uuid_format",
        "log_color",
        "logging_debug_format_suffix",
        "logging_default_format_string",
        "logging_exception_prefix",
        "logging_user_identity_format",
        "publish_errors",
        "rate_limit_burst",
        "rate_limit_except_level",
        "rate_limit_interval",
        "use_eventlog",
        "watch_log_file",
    }
)
_KNOWN: Mapping[str, frozenset[str]] = {
    "DEFAULT": _LOGGING
    | {"control_exchange", "executor_thread_pool_size", "rpc_response_timeout", "transport_url"}
    | {"config_dir", "config_file", "config_source", "shell_completion"},
    "database": frozenset(
        {
            "asyncio_connection",
            "asyncio_slave_connection",
            "backend",
            "connection_debug",
            "connection_parameters",
            "connection_recycle_time",
            "connection_trace",
            "db_inc_retry_interval",
            "db_max_retries",
            "db_max_retry_interval",
            "db_retry_interval",
            "idle_timeout",
            "max_overflow",
            "max_retries",
            "min_pool_size",
            "mysql_enable_ndb",
            "mysql_sql_mode",
            "mysql_wsrep_sync_wait",
            "pool_timeout",
            "retry_interval",
            "slave_connection",
            "sqlite_synchronous",
            "synchronous_reader",
            "use_db_reconnect",
            "use_tpool",
        }
    ),
    "oslo_middleware": frozenset({"enable_proxy_headers_parsing", "max_request_body_size", "secure_proxy_ssl_header"}),
    "healthcheck": frozenset(
        {
            "allowed_source_ranges",
            "backends",
            "detailed",
            "disable_by_file_path",
            "disable_by_file_paths",
            "enable_by_file_paths",
            "ignore_proxied_requests",
            "path",
        }
    ),
    "paste_deploy": frozenset({"config_file"}),
    "cors": frozenset(
        {"allow_credentials", "allow_headers", "allow_methods", "allowed_origin", "expose_headers", "max_age"}
    ),
    "storage": frozenset({"backend", "driver"}),
    "elasticsearch": frozenset(
        {
            "ca_certs",
            "erase",
            "hosts",
            "http_auth",
            "index",
            "mapping",
            "number_of_replicas",
            "retries",
            "select_mapping",
            "timeout",
            "use_ssl",
            "verify_certs",
            "yes",
        }
    ),
    "centralized_scheduler": frozenset(
        {
            "auth_section",
            "enabled",
            "enforce_trusts",
            "service_user",
            "service_user_domain",
            "trusts_delegated_roles",
        }
    ),
}
_REASONS: Mapping[tuple[str, str], str] = {
    ("oslo_middleware", "max_request_body_size"): _BODY,
    ("oslo_middleware", "secure_proxy_ssl_header"): "X-Forwarded-Proto is read if enable_proxy_headers_parsing is set",
    ("paste_deploy", "config_file"): _PASTE,
    ("healthcheck", "path"): "it is /healthcheck",
    ("healthcheck", "backends"): "the file, and with details the database and Keystone, are always looked at",
    ("healthcheck", "disable_by_file_paths"): "disable_by_file_path names one file for every port",
    ("DEFAULT", "logging_default_format_string"): "logging_context_format_string is for every line",
    ("DEFAULT", "transport_url"): "this server sends no messages",
}
_INDEX = "the index is made, and brought up to date, by freezer-manage db sync"


def about(section: str, key: str) -> str | None:
    """What is to be said about a key that this server does not read; None if the section is none of its business."""
    if section in LIBRARIES or section not in _KNOWN:
        return None
    name = key.lower().replace("-", "_")
    if name not in _KNOWN[section]:
        # freezer.conf has the scheduler's keys, too.
        slip = "" if section == "DEFAULT" else " (the original has no such key either)"
        return f"[{section}] {key} has no effect{slip}"
    reason = _REASONS.get((section, name)) or (_INDEX if section == "elasticsearch" else "")
    return f"[{section}] {key} has no effect" + (f" ({reason})" if reason else "")
