"""``/backups``."""

from __future__ import annotations

import falcon
from msgspec.structs import replace

from freezer.api.describe import answers
from freezer.api.describe.operation import Parameter, operation
from freezer.api.describe.parameters import IDEMPOTENCY_KEY, IF_MATCH, Count, paged
from freezer.api.requests import Services, answer, caller_of, document_of, tagged
from freezer.api.routes.common import create, no_content, show, show_list
from freezer.api.service import backups
from freezer.api.service.answers import render
from freezer.api.store.contract import Kind, Record, Unit
from freezer.model.backups import read_backup, read_backup_change, read_old_backup_change
from freezer.model.forms.records import BackupChange, BackupForm, OldBackupChange, OldBackupForm, SearchForm

_EXAMPLE = {
    "backup_name": "etc",
    "container": "/srv/backups",
    "hostname": "web1",
    "time_stamp": 1795305600,
    "curr_backup_level": 0,
    "path_to_backup": "/etc",
    "mode": "fs",
    "engine_name": "tar",
}
_MORE = (
    Parameter("composed_id", "The one backup of this `container_hostname_backupname_timestamp_level`."),
    Parameter("time_after", "Only those made then or later, in seconds since 1970.", Count),
    Parameter("time_before", "Only those made then or earlier, in seconds since 1970.", Count),
)


class Backups:
    """The list, and reports."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "List backups",
        {200: (answers.Backups, answers.BackupAnswer), 404: None},
        rule="backups:get_all",
        body=SearchForm | None,
        parameters=(*paged(Kind.BACKUP), *_MORE),
        refuses=(409,),
        about="With `composed_id` the answer is that one backup.",
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "backups:get_all")
        composed = req.get_param("composed_id")
        if composed:
            show(self._services, resp, caller, composed, backups.find)
        else:
            show_list(self._services, req, resp, Kind.BACKUP, caller)

    @operation(
        "Report a backup",
        {201: answers.BackupMade},
        rule="backups:create",
        body=BackupForm,
        old_body=OldBackupForm,
        example=_EXAMPLE,
        parameters=(IDEMPOTENCY_KEY,),
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "backups:create")
        document = document_of(req)
        draft = read_backup(document, old=caller.old)
        create(
            self._services,
            replace(caller, deed=None),  # the record itself says who, and when
            req,
            resp,
            document,
            lambda unit: {"backup_id": backups.create(unit, caller, draft)},
        )


class Backup:
    """One backup, by its id or the composed one."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("Show a backup", {200: answers.BackupAnswer, 404: None}, rule="backups:get", refuses=(409,), tagged=True)
    def on_get(self, req: falcon.Request, resp: falcon.Response, backup_id: str, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "backups:get")
        show(self._services, resp, caller, backup_id, backups.find)

    @operation(
        "Change what is known about a backup",
        {200: answers.BackupAnswer},
        rule="backups:update",
        body=BackupChange,
        old_body=OldBackupChange,
        example={"backup_metadata": {"curr_backup_level": 1}},
        old_example={"curr_backup_level": 1},
        parameters=(IF_MATCH,),
        tagged=True,
    )
    def on_patch(
        self, req: falcon.Request, resp: falcon.Response, backup_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "backups:update")
        document = document_of(req)
        draft = read_old_backup_change(document) if caller.old else read_backup_change(document)

        def work(unit: Unit) -> tuple[Record, str]:
            record = backups.change(unit, caller, backup_id, draft)
            return record, render(unit, caller, [record])[0]

        changed, shown = self._services.write(caller, work)
        tagged(resp, changed.revision)
        answer(resp, shown)

    @operation(
        "Forget a backup; what is stored stays where it is",
        {204: None},
        rule="backups:delete",
        parameters=(IF_MATCH,),
    )
    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, backup_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "backups:delete")
        self._services.write(caller, lambda unit: backups.remove(unit, caller, backup_id))
        no_content(resp)
