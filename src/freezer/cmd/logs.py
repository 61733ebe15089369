"""The logging options as log settings."""

from __future__ import annotations

from freezer.log import DEFAULT_LEVELS, LogSettings
from freezer.log.lines import DEFAULT_DATE_FORMAT, DEFAULT_FORMAT
from freezer.options.resolve import Settings


def log_settings(settings: Settings) -> LogSettings:
    """Where and how this run logs."""
    levels = settings.optional_text("default_log_levels")
    return LogSettings(
        file=settings.optional_text("log_file"),
        directory=settings.optional_text("log_dir"),
        debug=settings.flag("debug"),
        levels=tuple(levels.split(",")) if levels else DEFAULT_LEVELS,
        format=settings.optional_text("logging_default_format_string") or DEFAULT_FORMAT,
        date_format=settings.optional_text("log_date_format") or DEFAULT_DATE_FORMAT,
        json=settings.flag("use_json"),
        syslog=settings.flag("use_syslog"),
        syslog_facility=settings.optional_text("syslog_log_facility") or "LOG_USER",
        journal=settings.flag("use_journal"),
        stderr=settings.flag("use_stderr"),
        config_append=settings.optional_text("log_config_append"),
        rotation=settings.text("log_rotation_type"),
        max_size_mb=settings.integer("max_logfile_size_mb"),
        max_count=settings.integer("max_logfile_count"),
        rotate_interval=settings.integer("log_rotate_interval"),
        rotate_interval_type=settings.text("log_rotate_interval_type"),
    )
