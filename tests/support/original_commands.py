"""The thirty commands of python-freezerclient 6.5.0: what it wants behind them, and which columns it shows."""

from __future__ import annotations

ORIGINAL = {
    "client-list": ("[--limit] [--offset] [--search]", "Client ID, uuid, hostname, description"),
    "client-show": ("client_id", "Client ID, Client UUID, hostname, description"),
    "client-register": ("--file", "Client ID, Client UUID, hostname, description"),
    "client-delete": ("client_id", ""),
    "job-list": (
        "[--limit] [--offset] [--search] [--client] [-C] [--all-projects]",
        "Job ID, Description, # Actions, Result, Status, Event, Session ID",
    ),
    "job-show": (
        "job_id",
        (
            "Job ID, Client ID, User ID, Session ID, Description, Actions, Start Date, End Date, Interval, Status, "
            "Result, Current pid, Event"
        ),
    ),
    "job-create": (
        "--file [--client] [-C]",
        (
            "Job ID, Client ID, User ID, Session ID, Description, Actions, Start Date, End Date, Interval, Status, "
            "Result, Current pid, Event"
        ),
    ),
    "job-update": (
        "job_id file",
        (
            "Job ID, Client ID, User ID, Session ID, Description, Actions, Start Date, End Date, Interval, Status, "
            "Result, Current pid, Event"
        ),
    ),
    "job-get": ("job_id [--no-format]", ""),
    "job-start": ("job_id", ""),
    "job-stop": ("job_id", ""),
    "job-abort": ("job_id", ""),
    "job-delete": ("job_id", ""),
    "session-list": ("[--limit] [--offset] [--search]", "Session ID, Description, Status, Result, # Jobs"),
    "session-show": (
        "session_id",
        (
            "Session ID, Session tag, Description, Status, Result, Jobs, Hold off, Schedule, Last start, Time start, "
            "Time end, Project id, User id"
        ),
    ),
    "session-create": (
        "--file",
        (
            "Session ID, Session tag, Description, Status, Result, Jobs, Hold off, Schedule, Last start, Time start, "
            "Time end, Project id, User id"
        ),
    ),
    "session-update": (
        "session_id file",
        (
            "Session ID, Session tag, Description, Status, Result, Jobs, Hold off, Schedule, Last start, Time start, "
            "Time end, Project id, User id"
        ),
    ),
    "session-add-job": ("--session-id --job-id", ""),
    "session-remove-job": ("--session-id --job-id", ""),
    "session-start": ("--session-id --job-id --job-tag", ""),
    "session-delete": ("session_id", ""),
    "action-list": (
        "[--limit] [--offset] [--search]",
        "Action ID, Name, Action, Path to Backup or Restore, Mode, Storage, snapshot",
    ),
    "action-show": (
        "action_id",
        (
            "Action ID, Name, Action, Mode, Path to Backup or Restore, Storage, Snapshot, Container, Log_file, "
            "Remove_older_than, Max_retries_interval, Max_retries, User_id, Project_id"
        ),
    ),
    "action-create": (
        "--file",
        (
            "Action ID, Name, Action, Mode, Path to Backup or Restore, Storage, Snapshot, Container, Log_file, "
            "Remove_older_than, Max_retries_interval, Max_retries, User_id, Project_id"
        ),
    ),
    "action-update": (
        "action_id file",
        (
            "Action ID, Name, Action, Mode, Path to Backup or Restore, Storage, Snapshot, Container, Log_file, "
            "Remove_older_than, Max_retries_interval, Max_retries, User_id, Project_id"
        ),
    ),
    "action-delete": ("action_id", ""),
    "backup-list": (
        "[--limit] [--offset] [--search]",
        "Backup ID, Backup UUID, Hostname, Path, Created at, Status, Level",
    ),
    "backup-show": ("backup_uuid", "Backup ID, Project ID, User ID, Status, Metadata"),
    "backup-create": ("--file", "Backup ID, Project ID, User ID, Status, Metadata"),
    "backup-delete": ("backup_uuid", ""),
}


def columns(command: str) -> list[str]:
    """The columns that ``command`` shows; none if it shows nothing."""
    shown = ORIGINAL[command][1]
    return shown.split(", ") if shown else []
