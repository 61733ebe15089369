"""Results, exit codes and logging. The logging options are oslo.log's, with its names and defaults."""

from __future__ import annotations

from freezer.options.spec import Alias, Generation, Kind, Option

_OUTPUT = (
    Option(
        name="json",
        kind=Kind.FLAG,
        help="print results and errors as JSON",
        group="logging",
        default="false",
        upstream=False,
    ),
    Option(
        name="metadata_out",
        kind=Kind.PATH,
        help="write the result as JSON to this file, or with - to standard output",
        group="logging",
        metavar="FILE",
    ),
    Option(
        name="partial_exit_code",
        kind=Kind.INTEGER,
        help="exit code if some items could not be read",
        group="logging",
        default_note="3; 0 when called as the scheduler does: --metadata-out - --config FILE",
        minimum=0,
        maximum=255,
        actions=("backup", "restore"),
        upstream=False,
    ),
    Option(
        name="quiet",
        kind=Kind.FLAG,
        help="print results only",
        group="logging",
        short="q",
        default="false",
    ),
)

_LOGGING = (
    Option(
        name="debug",
        kind=Kind.FLAG,
        help="log at level DEBUG instead of INFO",
        group="logging",
        origin="oslo.log",
        short="d",
        default="false",
    ),
    Option(
        name="log_file",
        kind=Kind.PATH,
        help="log file; a relative one is below --log-dir",
        group="logging",
        origin="oslo.log",
        metavar="FILE",
        default_note="~/.freezer/freezer.log",
        aliases=(Alias("logfile", Generation.UPSTREAM, "--logfile"),),
    ),
    Option(
        name="log_dir",
        kind=Kind.PATH,
        help="directory of log files",
        group="logging",
        origin="oslo.log",
        metavar="DIR",
        aliases=(Alias("logdir", Generation.UPSTREAM, "--logdir"),),
    ),
    Option(
        name="log_config_append",
        kind=Kind.PATH,
        help="configuration file of Python's logging; the other logging options do not hold then",
        group="logging",
        origin="oslo.log",
        metavar="FILE",
        aliases=(
            Alias("log_config", Generation.UPSTREAM, "--log-config"),
            Alias("log_config", Generation.UPSTREAM, "--log_config"),
        ),
        executes=True,
    ),
    Option(
        name="log_date_format",
        kind=Kind.TEXT,
        help="format of the time in log lines",
        group="logging",
        origin="oslo.log",
        default="%Y-%m-%d %H:%M:%S",
    ),
    Option(
        name="use_syslog",
        kind=Kind.FLAG,
        help="log to syslog",
        group="logging",
        origin="oslo.log",
        default="false",
    ),
    Option(
        name="syslog_log_facility",
        kind=Kind.TEXT,
        help="syslog facility",
        group="logging",
        origin="oslo.log",
        default="LOG_USER",
    ),
    Option(
        name="use_journal",
        kind=Kind.FLAG,
        help="log to the systemd journal",
        group="logging",
        origin="oslo.log",
        default="false",
    ),
    Option(
        name="use_json",
        kind=Kind.FLAG,
        help="write log lines as JSON",
        group="logging",
        origin="oslo.log",
        default="false",
    ),
)


def _file(name: str, kind: Kind, help: str, default: str | None, choices: tuple[str, ...] = ()) -> Option:
    """A logging option that oslo.log knows in configuration files only."""
    return Option(
        name=name,
        kind=kind,
        help=help,
        group="logging",
        default=default,
        choices=choices,
        config_only=True,
        origin="oslo.log",
    )


_FILES = (
    _file("use_stderr", Kind.FLAG, "log to standard error", "false"),
    _file("log_color", Kind.FLAG, "colour log lines on a terminal", "false"),
    _file(
        "log_rotation_type",
        Kind.CHOICE,
        "when to begin a new log file",
        "none",
        ("interval", "size", "none"),
    ),
    _file("log_rotate_interval", Kind.INTEGER, "how many units of time a log file holds", "1"),
    _file(
        "log_rotate_interval_type",
        Kind.CHOICE,
        "unit of that time",
        "days",
        ("seconds", "minutes", "hours", "days", "weekday", "midnight"),
    ),
    _file("max_logfile_count", Kind.INTEGER, "how many old log files to keep", "30"),
    _file("max_logfile_size_mb", Kind.INTEGER, "size of a log file, in megabytes", "200"),
    _file(
        "default_log_levels",
        Kind.TEXT,
        "levels of single loggers: NAME=LEVEL,NAME=LEVEL",
        None,
    ),
    _file("logging_context_format_string", Kind.TEXT, "format of log lines that belong to a request", None),
    _file("logging_default_format_string", Kind.TEXT, "format of all other log lines", None),
    _file("logging_debug_format_suffix", Kind.TEXT, "what debug lines have in addition", None),
    _file("logging_exception_prefix", Kind.TEXT, "how the lines of a traceback begin", None),
    _file("logging_user_identity_format", Kind.TEXT, "how the user of a request is shown", None),
    _file("publish_errors", Kind.FLAG, "publish errors as notifications", "false"),
    _file("instance_format", Kind.TEXT, "how a server is shown", None),
    _file("instance_uuid_format", Kind.TEXT, "how the id of a server is shown", None),
    _file("rate_limit_interval", Kind.INTEGER, "seconds over which log lines are counted", "0"),
    _file("rate_limit_burst", Kind.INTEGER, "how many lines may be logged in that time", "0"),
    _file(
        "rate_limit_except_level",
        Kind.CHOICE,
        "the limit does not hold for this level and above",
        "CRITICAL",
        ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"),
    ),
)

OPTIONS = (*_OUTPUT, *_LOGGING, *_FILES)
