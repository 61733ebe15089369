"""What the services of a home read; written anew whenever the plan may have changed."""

from __future__ import annotations

from collections.abc import Mapping

from freezer.standalone import files
from freezer.standalone.home import Home, Plan
from freezer.standalone.place import Place, options
from freezer.standalone.work import CLIENT_CAN

_POLICY = """\
# What jobs that were made at the API may do on this machine. Commands that are not named are not executed.
# allowed_commands = ["/usr/local/bin/dump-database"]
# allowed_backup_paths = ["/home"]
# allowed_restore_paths = ["/home/restored"]
"""
_HEAD = "# Written by freezer up, and again each time.\n"


def write_settings(home: Home, plan: Plan, place: Place) -> None:
    """The files of the server, the scheduler, and of agents that are called by hand."""
    if plan.kind == "first":
        files.write(api_file(home), _ini(_api(home, plan)))
    files.make_folder(home.at("jobs"))
    files.make_folder(home.at("scheduler"))
    files.make_folder(_state(home, plan))
    files.write(scheduler_file(home), _ini(_scheduler(home, plan)))
    if files.read(policy_file(home)) is None:
        files.write(policy_file(home), _POLICY)
    repository = {**options(place, home), "encrypt_pass_file": home.passphrase, "log_file": home.log("agent")}
    files.write(home.agent_settings, _ini({"DEFAULT": repository}))


def api_file(home: Home) -> str:
    return home.at("freezer-api.conf")


def scheduler_file(home: Home) -> str:
    return home.at("freezer-scheduler.conf")


def policy_file(home: Home) -> str:
    """What jobs may do on this machine; its owner's, so that it is written once."""
    return home.at("node-policy.toml")


def _state(home: Home, plan: Plan) -> str:
    """What the scheduler remembers, of one database alone."""
    return home.at("scheduler", plan.identity.hex[:8])


def _api(home: Home, plan: Plan) -> Mapping[str, Mapping[str, str]]:
    tls = {"tls_certificate": home.certificate, "tls_key": home.certificate_key} if plan.host else {}
    return {
        "DEFAULT": {"log_file": home.log("api"), "log_rotation_type": "size"},
        "api": {
            "auth": "basic",
            "bind_host": "0.0.0.0" if plan.host else "127.0.0.1",  # noqa: S104
            "bind_port": str(plan.port),
            "access_log": "false",
            "stop_seconds": "5",
            "disabled_by": home.at("api.disabled"),
            "read_only_by": home.at("api.read_only"),
            "trust_keys": home.at("trust.keys"),
            **tls,
        },
        "http_basic": {
            "passwords": home.at("htpasswd"),
            "users": home.at("users.toml"),
            "token_key": home.at("token.key"),
        },
        "database": {"connection": plan.database or f"sqlite:///{home.at('api.db')}"},
    }


def _scheduler(home: Home, plan: Plan) -> Mapping[str, Mapping[str, str]]:
    return {
        "DEFAULT": {"log_file": home.log("scheduler"), "log_rotation_type": "size"},
        "scheduler": {
            "client_id": plan.client,
            "jobs_dir": home.at("jobs"),
            "state_dir": _state(home, plan),
            "policy_file": policy_file(home),
        },
        "capabilities": {key: ", ".join(words) for key, words in CLIENT_CAN.items()},
    }


def _ini(sections: Mapping[str, Mapping[str, str]]) -> str:
    parts = [_HEAD]
    for name, keys in sections.items():
        parts.append(f"\n[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()))
    return "".join(parts)
