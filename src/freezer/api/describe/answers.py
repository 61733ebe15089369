"""Documents as they are answered, typed. More keys may come."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freezer.api.service.standing import STANDINGS

Project = Annotated[str | None, Meta(description="The project it belongs to; null by v1.")]
User = Annotated[str, Meta(description="The user who made it.")]
Moment = Annotated[int, Meta(description="Seconds since 1970; -1: not yet.")]
Version = Annotated[str | int, Meta(description="A constant that clients expect; the revision is the `ETag`.")]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A document with keys that may be missing."""


class ClientTold(Answer, frozen=True, kw_only=True):
    """What a client said about itself."""

    uuid: str
    client_id: str
    hostname: str | None
    description: str | None
    is_central: bool
    supported_actions: list[str]
    supported_modes: list[str]
    supported_storages: list[str]
    supported_engines: list[str]
    allowed_commands: list[str] | UnsetType = UNSET
    allowed_files: list[str] | UnsetType = UNSET


class ClientAnswer(Answer, frozen=True, kw_only=True):
    """A client; ``bound``: whether its machine has a key of its own (not told by v1); ``scheduler`` is there once a run
    was claimed for it."""

    project_id: Project
    user_id: User
    bound: bool | UnsetType = UNSET
    client: ClientTold
    scheduler: Annotated[str, Meta(extra_json_schema={"enum": ["leasing", "mixed"]})] | UnsetType = UNSET
    scheduler_since: Moment | UnsetType = UNSET


class ClientKeyAnswer(Answer, frozen=True, kw_only=True):
    """Which key a client has."""

    client_id: str
    key_id: str
    made_at: Moment
    made_by: User


class ClientKeyMade(Answer, frozen=True, kw_only=True):
    """A key that is shown this once; the machine sends ``token`` as ``X-Auth-Token``."""

    client_id: str
    key_id: str
    token: str


class QuotaAnswer(Answer, frozen=True, kw_only=True):
    """How much there is of something, and how much may be; -1: no limit."""

    used: int
    limit: int
    default: int


class QuotasAnswer(Answer, frozen=True, kw_only=True):
    """What a project has and may have, by what is counted."""

    project_id: Project
    quotas: dict[str, QuotaAnswer]


class AuditEntry(Answer, frozen=True, kw_only=True):
    """One change, and who made it; ``target`` is the path below the project."""

    audit_id: int
    time: Moment
    project_id: str
    user_id: str
    user_name: str
    operation: str
    target: str
    request_id: str
    address: str


class ActionAnswer(Answer, frozen=True, kw_only=True):
    """An action; its ``freezer_action`` has what was sent, and null for a few keys that were not."""

    action_id: str
    project_id: Project
    user_id: User
    mandatory: bool
    max_retries: int
    max_retries_interval: int
    timeout: Any
    freezer_action: dict[str, Any]


class ScheduleAnswer(Answer, frozen=True, kw_only=True):
    """A job's schedule with its state: the keys of the form, as far as they are set."""

    status: str | UnsetType = UNSET
    result: str | UnsetType = UNSET
    event: str | UnsetType = UNSET
    time_created: int | UnsetType = UNSET
    time_started: Moment | UnsetType = UNSET
    time_ended: Moment | UnsetType = UNSET
    current_pid: int | UnsetType = UNSET


class Credentials(Answer, frozen=True, kw_only=True):
    """The trust that lets a central client work for the job's owner."""

    trust_id: str | None
    trustor_user_id: str


class Standing(Answer, frozen=True, kw_only=True):
    """How a job's trust stands; ``problem``: why it cannot be used."""

    state: Annotated[str, Meta(extra_json_schema={"enum": list(STANDINGS)})]
    expires_at: Moment | None
    problem: str | UnsetType = UNSET


class JobAnswer(Answer, frozen=True, kw_only=True):
    """A job with its actions; those of central clients have credentials, nested as in 19.0.0 and flat as specified."""

    job_id: str
    project_id: Project
    user_id: User
    client_id: str
    description: str
    session_id: str
    session_tag: int
    job_schedule: ScheduleAnswer
    job_actions: list[ActionAnswer]
    event_number: Annotated[int, Meta(description="The number of the last event.")] | UnsetType = UNSET
    user_credentials: Credentials | UnsetType = UNSET
    trust_id: str | UnsetType | None = UNSET
    trustor_user_id: str | UnsetType = UNSET
    credential: Standing | UnsetType = UNSET


Precise = Annotated[float, Meta(description="Seconds since 1970, by the clock of the server.")]


class SessionMember(Answer, frozen=True, kw_only=True):
    """How far a job is in the present round; ``result`` is ``skipped`` if nobody waits for it. ``phase``: how far it is
    at the barrier; its source held still from ``held_at`` until ``let_go_at``."""

    client_id: str
    status: str
    result: str
    time_started: Any
    time_ended: Any
    phase: Literal["ready", "passed", "late"] | UnsetType = UNSET
    held_at: Precise | UnsetType = UNSET
    let_go_at: Precise | UnsetType = UNSET


class Barrier(Answer, frozen=True, kw_only=True):
    """The barrier of the present round: not all have begun (``gathering``), all hold still or will (``preparing``),
    all did and may go on (``released``), or not in time (``broken``, with the ``reason``). ``spread``: seconds between
    the first that held still and the last."""

    state: Literal["gathering", "preparing", "released", "broken"]
    reason: str
    released_at: Precise | None
    spread: float | None


class SessionAnswer(Answer, frozen=True, kw_only=True):
    """A session; ``jobs`` is there once a job has been added, ``round`` once a round with a barrier has begun."""

    session_id: str
    project_id: Project
    user_id: User
    description: str | None
    session_tag: int
    hold_off: int
    status: str | None
    result: str | None
    schedule: dict[str, Any]
    time_start: Moment
    time_end: Moment
    time_started: Moment
    time_ended: Moment
    jobs: dict[str, SessionMember] | UnsetType | None = UNSET
    barrier: int | UnsetType = UNSET
    time_limit: int | UnsetType = UNSET
    round: Barrier | UnsetType = UNSET


class VerificationTold(Answer, frozen=True, kw_only=True):
    """What was verified of a backup: how, with which result, when, by whom, and who told it."""

    kind: str
    result: str
    at: int
    by: str
    user_id: str
    detail: str


class BackupAnswer(Answer, frozen=True, kw_only=True):
    """A backup as it was reported; v1 has its id a second time, and the name of the user. ``verified`` is the result of
    the newest verification; ``gone_at``: when its storage was found without it."""

    backup_id: str
    project_id: Project
    user_id: User
    status: str
    backup_metadata: dict[str, Any]
    backup_uuid: str | UnsetType = UNSET
    user_name: str | UnsetType = UNSET
    verified: str | UnsetType = UNSET
    verifications: list[VerificationTold] | UnsetType = UNSET
    gone_at: int | UnsetType = UNSET


class Link(Answer, frozen=True, kw_only=True):
    """Where the next page is."""

    rel: str
    href: str


Links = Annotated[list[Link], Meta(description="The address of the next page, if there is one.")] | UnsetType
Total = Annotated[int, Meta(description="How many there are in all, if that was asked for.")] | UnsetType


class Clients(Answer, frozen=True, kw_only=True):
    """A page of clients."""

    clients: list[ClientAnswer]
    links: Links = UNSET
    total: Total = UNSET


class Actions(Answer, frozen=True, kw_only=True):
    """A page of actions; what is ``mandatory`` is told by an action itself, not here."""

    actions: list[ActionAnswer]
    links: Links = UNSET
    total: Total = UNSET


class Jobs(Answer, frozen=True, kw_only=True):
    """A page of jobs."""

    jobs: list[JobAnswer]
    links: Links = UNSET
    total: Total = UNSET


class Sessions(Answer, frozen=True, kw_only=True):
    """A page of sessions."""

    sessions: list[SessionAnswer]
    links: Links = UNSET
    total: Total = UNSET


class Backups(Answer, frozen=True, kw_only=True):
    """A page of backups."""

    backups: list[BackupAnswer]
    links: Links = UNSET
    total: Total = UNSET


class Audit(Answer, frozen=True, kw_only=True):
    """A page of the audit, the newest first."""

    audit: list[AuditEntry]
    links: Links = UNSET


class ClientMade(Answer, frozen=True, kw_only=True):
    """The name of the client."""

    client_id: str


class ActionMade(Answer, frozen=True, kw_only=True):
    """The id of the new action."""

    action_id: str


class JobMade(Answer, frozen=True, kw_only=True):
    """The id of the new job."""

    job_id: str


class SessionMade(Answer, frozen=True, kw_only=True):
    """The id of the new session."""

    session_id: str


class BackupMade(Answer, frozen=True, kw_only=True):
    """The id of the new backup."""

    backup_id: str


class ClientChanged(ClientMade, frozen=True, kw_only=True):
    """The client that was changed."""

    version: Version


class ActionChanged(ActionMade, frozen=True, kw_only=True):
    """The action that was changed."""

    version: Version


class JobChanged(JobMade, frozen=True, kw_only=True):
    """The job that was changed."""

    version: Version


class SessionChanged(SessionMade, frozen=True, kw_only=True):
    """The session that was changed."""

    version: Version


class EventAnswer(Answer, frozen=True, kw_only=True):
    """``success``, or that the same was asked already."""

    result: str


class RoundAnswer(Answer, frozen=True, kw_only=True):
    """What became of a session action, and the number of the present round. ``barrier``: for how many seconds a member
    may hold still. One that tells of itself at the barrier gets its state, the ``reason`` if it is broken, and in how
    many seconds to ask ``again``."""

    result: Literal["success", "hold-off", "out-of-sync", "gathering", "preparing", "released", "broken"]
    session_tag: int
    barrier: int | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    again: float | UnsetType = UNSET


class Refused(Answer, frozen=True, kw_only=True):
    """Why something was refused; ``path`` leads to the fault in the document, ``hint`` says what to do."""

    title: str
    description: str | UnsetType = UNSET
    path: list[str | int] | UnsetType = UNSET
    hint: str | UnsetType = UNSET
    reason: Annotated[str, Meta(description="One word for programs, where they may want to know.")] | UnsetType = UNSET


class Fault(Answer, frozen=True, kw_only=True):
    """An error as Keystone says it."""

    code: int
    title: str
    message: str


class NotAuthenticated(Answer, frozen=True, kw_only=True):
    """Nobody, or nobody that is known."""

    error: Fault
