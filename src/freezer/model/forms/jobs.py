"""Jobs and sessions, as they are written."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, Meta, UnsetType

from freezer.model.checking import MAX_NUMBER
from freezer.model.forms.actions import JobActionForm
from freezer.model.forms.schedules import Schedule, ScheduleChange
from freezer.model.forms.words import ClientName, Count, Form, Schema, Text, Whole, one_of
from freezer.model.sessions import LONGEST_BARRIER, LONGEST_ROUND, PHASES

Actions = Annotated[list[JobActionForm], Meta(max_length=200)]
Defaults = Annotated[
    dict[str, Any], Meta(description="Options for every action that does not say otherwise. They are not kept.")
]

Credentials = Annotated[
    Any, Meta(description="Made by the API itself; nobody else may set it. Empty ones in a change take the trust back.")
]
HoldOff = Annotated[Count | None, Meta(description="Seconds after which a new round may begin; 30.")]
Barrier = Annotated[
    int,
    Meta(
        ge=1,
        le=LONGEST_BARRIER,
        description="All jobs of a round hold still at one time; no one for longer than so many seconds.",
    ),
]
TimeLimit = Annotated[
    int,
    Meta(ge=60, le=LONGEST_ROUND, description="Seconds after which members that have not ended have failed; a day."),
]
MaybeId = Annotated[str, Meta(pattern=r"^[\w-]{0,255}$", max_length=255)] | None


class _Job(Form, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What jobs and changes of them have in common."""

    description: Text | UnsetType | None = UNSET
    session_id: Text | UnsetType | None = UNSET
    session_tag: Whole | UnsetType | None = UNSET
    session_name: Any | UnsetType = UNSET
    action_defaults: Defaults | UnsetType = UNSET
    user_id: Any | UnsetType = UNSET
    project_id: Text | UnsetType | None = UNSET
    user_credentials: Credentials | UnsetType = UNSET
    trust_id: Any | UnsetType = UNSET
    trustor_user_id: Any | UnsetType = UNSET
    credential: Any | UnsetType = UNSET
    _version: Any | UnsetType = UNSET
    event_number: Any | UnsetType = UNSET


class JobForm(_Job, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job: what a client is to do, and when."""

    client_id: ClientName
    job_actions: Actions
    job_schedule: Schedule | UnsetType = UNSET
    job_id: MaybeId | UnsetType = UNSET


class JobChange(_Job, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change of a job; what is not said stays."""

    client_id: ClientName | UnsetType | None = UNSET
    job_actions: Actions | UnsetType = UNSET
    job_schedule: ScheduleChange | UnsetType = UNSET
    job_id: MaybeId | UnsetType = UNSET


class JobEventForm(Form, frozen=True, kw_only=True):
    """What is asked of a job; the first key counts, and its value means nothing."""

    start: Any | UnsetType = UNSET
    stop: Any | UnsetType = UNSET
    abort: Any | UnsetType = UNSET
    SCHEMA: ClassVar[Schema] = {"anyOf": [{"required": ["start"]}, {"required": ["stop"]}, {"required": ["abort"]}]}


class StandingForm(Form, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a scheduler makes of a job that is not running: it waits for its time, was stopped, or will not run again.
    ``event_number``: of the last event that the scheduler has seen, which is answered by that; a later one stays."""

    status: Literal["scheduled", "stop", "completed"]
    event_number: Count | UnsetType = UNSET


class SessionForm(Form, frozen=True, kw_only=True):
    """A session: jobs that start together. Other keys mean nothing."""

    schedule: Schedule
    description: Text | UnsetType | None = UNSET
    hold_off: (
        Annotated[Count | None, Meta(description="Seconds after which a new round may begin; 30.")] | UnsetType
    ) = UNSET
    session_tag: Annotated[Count | None, Meta(description="The number of the present round.")] | UnsetType = UNSET
    session_id: MaybeId | UnsetType = UNSET
    project_id: Text | UnsetType | None = UNSET
    barrier: Barrier | UnsetType | None = UNSET
    time_limit: TimeLimit | UnsetType | None = UNSET


class SessionReplacement(SessionForm, frozen=True, kw_only=True):
    """A session with a given id. Other keys mean nothing."""

    session_tag: Annotated[Count | None, Meta(description="The number of the present round.")]


class SessionChange(Form, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change of a session; what is not said stays, a schedule is replaced as a whole."""

    schedule: ScheduleChange | UnsetType = UNSET
    description: Text | UnsetType | None = UNSET
    hold_off: Count | UnsetType | None = UNSET
    session_tag: Count | UnsetType | None = UNSET
    session_id: MaybeId | UnsetType = UNSET
    project_id: Text | UnsetType | None = UNSET
    barrier: Barrier | UnsetType | None = UNSET
    time_limit: TimeLimit | UnsetType | None = UNSET
    jobs: Any | UnsetType = UNSET
    round: Any | UnsetType = UNSET
    status: Any | UnsetType = UNSET
    result: Any | UnsetType = UNSET
    user_id: Any | UnsetType = UNSET
    time_start: Any | UnsetType = UNSET
    time_end: Any | UnsetType = UNSET
    time_started: Any | UnsetType = UNSET
    time_ended: Any | UnsetType = UNSET


Tag = Annotated[int, Meta(ge=0)] | Annotated[str, Meta(pattern="^[0-9]{1,15}$")]


class SessionStartForm(Form, frozen=True, kw_only=True):
    """A job is about to start; the round that it believes to be the present one, and the instant it starts for."""

    job_id: Text
    current_tag: Tag
    due: Count | UnsetType | None = UNSET


class SessionEndForm(Form, frozen=True, kw_only=True):
    """A job has ended."""

    job_id: Text
    current_tag: Tag
    result: Annotated[str, one_of(("success", "fail", "aborted"))]


class SessionBarrierForm(Form, frozen=True, kw_only=True):
    """How far a job is at the barrier of a round, for how many seconds it has been so, and by which attempt."""

    job_id: Text
    session_tag: Annotated[int, Meta(ge=1, le=MAX_NUMBER)]
    phase: Annotated[str, one_of(PHASES)]
    age: Annotated[float, Meta(ge=0, le=LONGEST_BARRIER)] | UnsetType = UNSET
    attempt: Text | UnsetType = UNSET


class SessionActionForm(Form, frozen=True, kw_only=True):
    """What a job reports about a round; the first key counts."""

    start: SessionStartForm | UnsetType = UNSET
    end: SessionEndForm | UnsetType = UNSET
    barrier: SessionBarrierForm | UnsetType = UNSET
    SCHEMA: ClassVar[Schema] = {"anyOf": [{"required": [each]} for each in ("start", "end", "barrier")]}
