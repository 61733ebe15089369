"""The one table of the scheduler's own options: on the command line, in configuration files, in the environment.

Those of OpenStack Freezer keep every name they ever had. A key of ``[scheduler]`` is ``--scheduler-KEY`` on the command
line, beside the *spellings* of old; in files it may also stand under an *old* name in ``[DEFAULT]``.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from freezer.model.clients import CAPABILITIES

SECTIONS = ("scheduler", "capabilities", "coordination", "service_auth")
Kind = Literal["text", "path", "flag", "number", "list", "choice"]


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An option. ``name``: the field of :class:`freezer.scheduler.settings.Settings`, or, in ``service_auth``, the
    ``OS_…`` variable. ``default``: as it would be written; None: none, or what ``note`` says. ``ours``: 19.0.0 has no
    such option. ``idle``: it is taken, and does nothing any more."""

    name: str
    section: str
    key: str
    help: str
    kind: Kind = "text"
    default: str | None = None
    note: str = ""
    least: int = 0
    most: int = 0
    choices: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    secret: bool = False
    ours: bool = False
    idle: str = ""

    @property
    def option(self) -> str:
        """Its main spelling on the command line."""
        if self.section == "service_auth":
            return f"--service_auth-{self.key.removeprefix('os_').replace('_', '-')}"
        return f"--{self.section}-{self.key.replace('_', '-')}"

    def allowed(self) -> str:
        """What may be written, in words."""
        if self.kind == "number":
            return f"a whole number from {self.least} to {self.most}"
        words = {"flag": "true or false", "list": "words with commas between them", "choice": ", ".join(self.choices)}
        return words.get(self.kind, "a text")


def _own(key: str, help: str, **more: Any) -> Key:
    return Key(name=key, section="scheduler", key=key, help=help, **more)


def _both(name: str) -> tuple[str, ...]:
    """A long spelling with dashes, and with underscores as 19.0.0 has it as well."""
    return tuple(dict.fromkeys((f"--{name}", f"--{name.replace('-', '_')}")))


_SCHEDULER = (
    _own("client_id", "the client whose jobs are executed", spellings=("-c", *_both("client-id")), old=("client_id",),
         note="project id and host name, with _ between them"),
    _own("no_api", "take jobs from files alone", kind="flag", spellings=("-n", *_both("no-api")), old=("no_api",)),
    _own("jobs_dir", "directory of job files, or one file", kind="path", spellings=("-f", "--conf", *_both("jobs-dir")),
         old=("jobs_dir", "conf"), note="$FREEZER_SCHEDULER_CONF_D, otherwise /etc/freezer/scheduler/conf.d"),
    _own("interval", "seconds between two questions to an API that does not tell of changes by itself", kind="number",
         default="60", most=86_400, spellings=("-i", "--interval"), old=("interval",)),
    _own("no_daemon", "stay in the foreground", kind="flag", spellings=_both("no-daemon"), old=("no_daemon",)),
    _own("insecure", "do not check certificates", kind="flag", old=("insecure",)),
    _own("disable_exec", "execute no action exec, whatever the policy of this node says", kind="flag",
         spellings=_both("disable-exec"), old=("disable_exec",)),
    _own("concurrent_jobs", "how many runs there may be at once", kind="number", default="1", least=1, most=10_000,
         spellings=_both("concurrent-jobs"), old=("concurrent_jobs",)),
    _own("enable_v1_api", "use the first version of the API", kind="flag", spellings=_both("enable-v1-api"),
         old=("enable_v1_api",), idle="the scheduler speaks version 2 of the API, which every server has"),
    _own("centralized_scheduler", "execute jobs of all projects, for which no node is needed", kind="flag",
         old=("centralized_scheduler",)),
    _own("project_concurrent_jobs", "of these, how many of one project; 0: any number", kind="number", default="0",
         most=10_000, ours=True),
    _own("tenants_may_set", "options besides the usual ones that jobs of other projects may set", kind="list",
         ours=True),
    _own("state_dir", "directory of the journal, of runs that are under way, and of logs of runs", kind="path",
         ours=True, note="/var/lib/freezer/scheduler for root, otherwise ~/.freezer/scheduler"),
    _own("pid_file", "file with the process id of the daemon", kind="path", ours=True,
         note="scheduler.pid in state_dir if that is set, otherwise in /run/freezer for root, and in "
              "$XDG_RUNTIME_DIR/freezer or the state directory for others"),
    _own("policy_file", "what jobs from the API may execute and touch on this node", kind="path", ours=True,
         default="/etc/freezer/node-policy.toml"),
    _own("nice", "niceness of agents, above that of the scheduler", kind="number", default="0", most=19, ours=True),
    _own("ionice", "class of agents' disk time", kind="choice", choices=("idle", "best-effort"), ours=True,
         note="that of the scheduler"),
    _own("agent_memory", "MiB of memory that an agent may have; 0: any", kind="number", default="0", most=16_777_216,
         ours=True),
    _own("agent_time_limit", "seconds after which an action is ended; 0: never", kind="number", default="0",
         most=31_536_000, ours=True),
    _own("agent_cgroup", "directory of a cgroup that is delegated to the scheduler, for agents", kind="path",
         ours=True),
    _own("offline_runs", "what becomes of runs that are due while the API cannot be reached", kind="choice",
         choices=("run", "hold"), ours=True, note="run; hold for a central scheduler"),
    _own("lease_seconds", "for how long a run is ours before we must say that we go on", kind="number", default="60",
         least=3, most=3600, ours=True),
)  # fmt: skip

_CAPABILITIES = tuple(
    Key(name=key, section="capabilities", key=key, kind="list", note=", ".join(words),
        help=f"which {key.removeprefix('supported_')} jobs may ask for; the word all means all there are")
    for key, words in CAPABILITIES.items()
)  # fmt: skip

_COORDINATION = (
    Key(name="backend_url", section="coordination", key="backend_url", help="where schedulers of one client meet",
        idle="schedulers of one client share its runs through the API"),
)  # fmt: skip

_AUTH = (
    ("username", "name of the user", ""),
    ("password", "password; better in a file, or in the environment", ""),
    ("project_id", "id of the project", ""),
    ("project_name", "name of the project", ""),
    ("project_domain_id", "id of the domain of the project", ""),
    ("project_domain_name", "domain of the project", ""),
    ("user_domain_id", "id of the domain of the user", ""),
    ("user_domain_name", "domain of the user", ""),
    ("auth_url", "where Keystone is", ""),
    ("backup_url", "where the API is, if not where Keystone says", ""),
    ("region_name", "the region whose API is asked", ""),
    ("token", "token; better in the environment", ""),
    ("endpoint_type", "public, internal or admin", "public"),
    ("cert", "PEM file of our own certificate", ""),
    ("cacert", "PEM file of the authorities whose certificates are taken", ""),
)
_SERVICE_AUTH = tuple(
    Key(name=f"OS_{name.upper()}", section="service_auth", key=f"os_{name}", help=help, default=None,
        note=f"$OS_{name.upper()}" + (f", otherwise {default}" if default else ""),
        spellings=_both(f"os-{name.replace('_', '-')}"), old=(f"os_{name}",), secret=name in {"password", "token"})
    for name, help, default in _AUTH
)  # fmt: skip

KEYS: tuple[Key, ...] = (*_SCHEDULER, *_CAPABILITIES, *_COORDINATION, *_SERVICE_AUTH)
"""All of them."""
