"""The keys of oslo.log in the configuration files of servers, by the field of :class:`freezer.log.LogSettings`."""

from __future__ import annotations

from collections.abc import Mapping

LOG_TEXTS: Mapping[str, str] = {
    "log_file": "file",
    "logfile": "file",
    "log_dir": "directory",
    "logdir": "directory",
    "log_date_format": "date_format",
    "logging_context_format_string": "format",
    "syslog_log_facility": "syslog_facility",
    "log_config_append": "config_append",
    "log_config": "config_append",
    "log_rotation_type": "rotation",
    "log_rotate_interval_type": "rotate_interval_type",
}
LOG_FLAGS: Mapping[str, str] = {
    "debug": "debug",
    "use_json": "json",
    "use_syslog": "syslog",
    "use_journal": "journal",
    "use_stderr": "stderr",
}
LOG_NUMBERS: Mapping[str, str] = {
    "max_logfile_size_mb": "max_size_mb",
    "max_logfile_count": "max_count",
    "log_rotate_interval": "rotate_interval",
}
"""Keys of ``[DEFAULT]``."""
