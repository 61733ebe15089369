"""``/inventory`` and ``/verifications``: what agents tell of storages and of the backups in them."""

from __future__ import annotations

import falcon

from freezer.api.describe import answers
from freezer.api.describe.operation import operation
from freezer.api.describe.parameters import IF_MATCH
from freezer.api.requests import Services, answer, caller_of, document_of, tagged
from freezer.api.service import inventory, verifying
from freezer.api.service.answers import render, text
from freezer.api.store.contract import Record, Unit
from freezer.model.inventory import Comparison, OneVerification, Removal, Segment, Verification, digest
from freezer.model.reading import read_form

_PLACE = {"storage": "local", "container": "/srv/backups", "hostname": "web1"}
_ROW = {"id": "web1_etc_1795305600_0", "name": "web1_etc", "time": 1795305600, "level": 0, "size": 1048576}


class Inventory:
    """One segment of a storage's list: records are made to agree with it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Make the records agree with what a storage holds",
        {200: inventory.Reconciled},
        rule="backups:reconcile",
        body=Segment,
        example={"place": _PLACE, "backups": [_ROW], "complete": False},
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "backups:reconcile")
        told = read_form(document_of(req), Segment)
        answer(resp, text(self._services.store.write(lambda unit: inventory.reconcile(unit, caller, told))))


class InventoryComparison:
    """Digests of a storage's list: which of its segments need to be told at all."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Compare the records with a storage's list by digests",
        {200: inventory.Differing},
        rule="backups:reconcile",
        body=Comparison,
        example={"place": _PLACE, "digests": {"": digest(())}},
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "backups:reconcile")
        told = read_form(document_of(req), Comparison)
        answer(resp, text(self._services.store.read(lambda unit: inventory.compare(unit, caller, told))))


class InventoryRemoval:
    """Backups that were removed from their storage, by retention or by hand."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Tell of backups that were removed from their storage",
        {200: inventory.Reconciled},
        rule="backups:update",
        body=Removal,
        example={"backups": ["/srv/backups_web1_etc_1795305600_0"]},
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "backups:update")
        told = read_form(document_of(req), Removal)
        answer(resp, text(self._services.store.write(lambda unit: inventory.remove(unit, caller, told))))


class Verifications:
    """What was verified of many backups."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Tell what was verified of many backups",
        {200: verifying.Verified},
        rule="backups:verify",
        body=Verification,
        example={"kind": "check", "backups": [{"backup": "/srv/backups_web1_etc_1795305600_0", "result": "passed"}]},
        refuses=(409,),
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "backups:verify")
        told = read_form(document_of(req), Verification)
        answer(resp, text(self._services.store.write(lambda unit: verifying.verify(unit, caller, told))))


class BackupVerification:
    """What was verified of one backup."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Tell what was verified of a backup",
        {200: answers.BackupAnswer},
        rule="backups:verify",
        body=OneVerification,
        example={"kind": "drill", "result": "passed", "detail": "120 items"},
        parameters=(IF_MATCH,),
        tagged=True,
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str, backup_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "backups:verify")
        told = read_form(document_of(req), OneVerification)

        def work(unit: Unit) -> tuple[Record, str]:
            record = verifying.verify_one(unit, caller, backup_id, told)
            return record, render(unit, caller, [record])[0]

        changed, shown = self._services.store.write(work)
        tagged(resp, changed.revision)
        answer(resp, shown)
