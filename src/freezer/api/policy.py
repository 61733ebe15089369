"""Who may do what, by oslo.policy: the original's rule names, defaults and file format.

A decision depends on the rule, the roles, the caller's project and the project of the path; it is remembered for a few
seconds, which is how long a change of the policy file takes to be seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from freezer.api.refusals import forbidden
from freezer.api.scope import Identity
from freezer.clock import Clock

ADMIN_OR_OWNER = "rule:admin_or_owner"
ADMIN_OR_SERVICE = "rule:admin_or_service"
ANYBODY_OF_PROJECT = "rule:admin_or_owner_or_service"
READERS = "rule:admin_or_reader_or_service"
NODES = " or rule:project_node"
"""Behind a rule: nodes as well, which see and change only what is of their one client."""

_BASES = (
    ("context_is_admin", "role:admin"),
    ("project_member", "role:member and project_id:%(project_id)s"),
    ("project_reader", "role:reader and project_id:%(project_id)s"),
    ("project_manager", "role:manager and project_id:%(project_id)s"),
    ("project_node", "role:node and project_id:%(project_id)s"),
    ("project_enrolment", "role:enrolment and project_id:%(project_id)s"),
    ("admin_or_owner", "rule:context_is_admin or rule:project_member"),
    ("admin_or_service", "role:admin or role:service"),
    ("admin_or_owner_or_service", "rule:admin_or_owner or role:service"),
    ("admin_or_reader_or_service", "rule:admin_or_owner_or_service or rule:project_reader"),
)

RULES: tuple[tuple[str, str], ...] = (
    *(
        (f"{kind}:{verb}", READERS + NODES * (kind in {"clients", "jobs", "backups", "runs"}))
        for kind in ("clients", "actions", "jobs", "sessions", "backups", "runs")
        for verb in ("get", "get_all")
    ),
    *((f"clients:{verb}", ADMIN_OR_OWNER + NODES) for verb in ("create", "update")),
    *((f"clients:{verb}", ADMIN_OR_OWNER) for verb in ("delete", "key:create", "key:get", "key:delete")),
    *((f"enrolments:{verb}", ADMIN_OR_OWNER) for verb in ("create", "delete")),
    ("enrolments:use", "rule:context_is_admin or rule:project_enrolment"),  # without an enrolment no use to anybody
    *((f"actions:{verb}", ADMIN_OR_OWNER) for verb in ("create", "delete", "update", "replace")),
    *((f"jobs:{verb}", ADMIN_OR_OWNER) for verb in ("create", "delete", "event:create")),
    ("jobs:update", ADMIN_OR_OWNER + NODES),
    *(
        (f"sessions:{verb}", ADMIN_OR_OWNER)
        for verb in ("create", "delete", "update", "replace", "job:add", "job:remove")
    ),
    ("sessions:action:create", ANYBODY_OF_PROJECT + NODES),
    *((f"backups:{verb}", ANYBODY_OF_PROJECT + NODES) for verb in ("create", "update")),
    ("backups:delete", ANYBODY_OF_PROJECT),
    ("backups:verify", ANYBODY_OF_PROJECT + NODES),
    ("backups:reconcile", ANYBODY_OF_PROJECT),
    ("changes:get", READERS + NODES),
    ("statistics:get", READERS),
    ("statistics:update", ADMIN_OR_OWNER),
    *((f"runs:{verb}", ANYBODY_OF_PROJECT + NODES) for verb in ("claim", "update")),
    ("runs:delete", ADMIN_OR_OWNER),
    ("runs:get_all_projects", ADMIN_OR_SERVICE),
    *((f"{kind}:get_all", READERS) for kind in ("pauses", "alarms")),
    ("pauses:update", ADMIN_OR_OWNER),
    ("clients:create_central", ADMIN_OR_SERVICE),
    ("jobs:get_all_projects", ADMIN_OR_SERVICE),
    ("quotas:get", READERS),
    ("quotas:update", "rule:context_is_admin"),
    ("audit:get", "rule:context_is_admin or rule:project_manager"),
    # v1 asks for no role: everybody has what is their own, and that alone.
    ("v1:use", ""),
    ("v1:jobs:create", "not role:service"),
)
"""Every rule with its default."""

_REMEMBERED_SECONDS = 5.0
_MOST_REMEMBERED = 10_000


class Policy:
    """The rules, with those that the operator's ``files`` replace."""

    def __init__(self, clock: Clock, files: Sequence[str] = (), policy_file: str | None = None) -> None:
        from oslo_config import cfg
        from oslo_policy import policy

        settings = cfg.ConfigOpts()
        settings([], project="freezer-api", default_config_files=list(files), default_config_dirs=[])
        self._enforcer = policy.Enforcer(settings, policy_file=policy_file)
        for name, check in (*_BASES, *RULES):
            self._enforcer.register_default(policy.RuleDefault(name, check))
        self._clock = clock
        self._remembered: dict[tuple[str, frozenset[str], str, str, str], bool] = {}
        self._since = clock.monotonic()

    @property
    def path(self) -> str | None:
        """The policy file, if there is one."""
        self._enforcer.load_rules()
        found = self._enforcer.policy_path
        return str(found) if found else None

    def unknown(self) -> list[str]:
        """The names in the policy file that mean nothing: they are none of ours, and no other rule refers to them."""
        self._enforcer.load_rules()
        rules = self._enforcer.file_rules
        used = {name for rule in rules.values() for name in re.findall(r"rule:([^\s)]+)", rule.check_str)}
        return sorted(set(rules) - set(self._enforcer.registered_rules) - used)

    def check(self, rule: str, identity: Identity, project_id: str) -> None:
        """403 unless ``identity`` may do what ``rule`` is about in the project."""
        if not self.allows(rule, identity, project_id):
            raise forbidden()

    def allows(self, rule: str, identity: Identity, project_id: str) -> bool:
        """Whether ``identity`` may do what ``rule`` is about in the project."""
        now = self._clock.monotonic()
        if now - self._since > _REMEMBERED_SECONDS or len(self._remembered) > _MOST_REMEMBERED:
            self._remembered, self._since = {}, now
        asked = (rule, identity.roles, identity.user_id, identity.project_id, project_id)
        known = self._remembered.get(asked)
        if known is None:
            known = self._remembered[asked] = self._ask(rule, identity, project_id)
        return known

    def _ask(self, rule: str, identity: Identity, project_id: str) -> bool:
        who: dict[str, Any] = {
            "roles": sorted(identity.roles),
            "user_id": identity.user_id,
            "project_id": identity.project_id or None,
        }
        return bool(self._enforcer.enforce(rule, {"project_id": project_id}, who))
