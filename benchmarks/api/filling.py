"""What the servers keep while they are measured: clients and jobs made through the API, backups put into the tables.

Many backups are made from one that the API has stored, as it has stored it, so that nothing here need know the tables:
in its rows and those that refer to it, the words that stand for id, host, name and time are replaced.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.api.load import Line, Request, Unexpected
from benchmarks.api.places import HEADERS, ROOT, LargeMariaDB, Served
from freezer.api.store.terms import term

CLIENTS, JOBS_OF_EACH = 100, 10
HOST, NAME, TIME = "hosttemplate", "nametemplate", 1_111_111_111
RARE_EVERY = 10_000
_FIRST_TIME = 1_700_000_000
_BATCH = 20_000


def backup(host: str = HOST, name: str = NAME, time: int = TIME) -> dict[str, object]:
    """What the original's agent reports, by and large."""
    return {
        "always_level": "", "backup_media": "fs", "backup_name": name, "container": "freezer_backups",
        "container_segments": "", "dry_run": "", "hostname": host, "path_to_backup": "/srv/data", "max_level": 6,
        "time_stamp": time, "log_file": "/var/log/freezer.log", "storage": "swift", "mode": "fs", "proxy": "",
        "compression": "gzip", "ssh_key": "", "ssh_username": "", "ssh_host": "", "ssh_port": "",
        "consistency_checksum": "", "engine_name": "tar", "curr_backup_level": 0, "fs_real_path": "/srv/data",
        "vol_snap_path": "/srv/data", "client_os": "linux", "client_version": "19.0.0", "action": "backup",
    }  # fmt: skip


def ask(server: Served, method: str, path: str, document: object = None) -> Any:
    """One answer, decoded."""
    request = Request(method, lambda _: ROOT + path, 0, None if document is None else lambda _: document, HEADERS)
    line = Line(server.port)
    status, body = line.ask(request.bytes(0))
    line.close()
    if status >= 300:
        raise Unexpected(f"{method} {path}: {status} {body[:300]!r}")
    return json.loads(body) if body else None


def fill_jobs(server: Served) -> list[str]:
    """Clients, and jobs of each; the ids of the jobs."""
    ids = []
    for client in range(CLIENTS):
        ask(server, "POST", "/clients", {"client_id": f"node{client}", "hostname": f"node{client}"})
        for number in range(JOBS_OF_EACH):
            action = {"action": "backup", "mode": "fs", "path_to_backup": f"/srv/{number}", "storage": "swift",
                      "backup_name": f"job{number}", "container": "freezer_backups"}  # fmt: skip
            job = {
                "client_id": f"node{client}",
                "description": f"job {number} of node {client}",
                "job_schedule": {"schedule_interval": "1 days", "schedule_start_date": "2026-06-02T16:20:00"},
                "job_actions": [{"freezer_action": action, "max_retries": 3, "max_retries_interval": 60}],
            }
            ids.append(ask(server, "POST", "/jobs", job)["job_id"])
    return ids


def fill_backups(mariadb: LargeMariaDB, server: Served, count: int, first: int = 0) -> None:
    """Backups number ``first`` to ``first + count``; every ten thousandth of them has a rare name."""
    made = str(ask(server, "POST", "/backups", backup())["backup_id"])
    database = server.database.rpartition("/")[2]
    copies = [_Copy(mariadb, database, table, made) for table in _tables(mariadb, database)]
    start = _next_place(mariadb, database)
    for begin in range(first, first + count, _BATCH):
        numbers = range(begin, min(begin + _BATCH, first + count))
        ids = [uuid.uuid4().hex for _ in numbers]
        for copy in copies:
            copy.write([(start + number - first, number, id) for number, id in zip(numbers, ids, strict=True)])


def host_of(number: int) -> str:
    return f"host{number % 100:03}"


def name_of(number: int) -> str:
    return f"rare{number // (10 * RARE_EVERY)}" if number % RARE_EVERY == 1 else f"name{number % 1000}"


class _Copy:
    """One table with rows of the model backup, which are copied."""

    def __init__(self, mariadb: LargeMariaDB, database: str, table: str, made: str) -> None:
        self._mariadb = mariadb
        self._made = made
        self._target = f"{database}.{table}"
        self._columns = [
            row[0]
            for row in mariadb.ask(
                "SELECT column_name FROM information_schema.columns "
                f"WHERE table_schema = '{database}' AND table_name = '{table}' ORDER BY ordinal_position"
            )
        ]
        if table in {"backup", "backups"}:
            where = f"id = '{made}'"
        else:
            place = mariadb.ask(f"SELECT place FROM {database}.backup WHERE id = '{made}'")[0][0]
            where = f"kind = 'backup' AND place = {place}"
        self._rows = mariadb.ask(f"SELECT * FROM {self._target} WHERE {where}")

    def write(self, wanted: Sequence[tuple[int, int, str]]) -> None:
        """Copies with these places, numbers and ids."""
        path = self._mariadb.folder / "rows.tsv"
        lines = sorted("\t".join(row) for each in wanted for row in self._copied(*each))
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o644)
        self._mariadb.order(f"LOAD DATA INFILE '{path}' INTO TABLE {self._target} CHARACTER SET utf8mb4")
        path.unlink()

    def _copied(self, place: int, number: int, id: str) -> Iterator[list[str]]:
        time = _FIRST_TIME + number
        meant = {"hostname": host_of(number), "backup_name": name_of(number), "time_stamp": time, "backup_id": id}
        for row in self._rows:
            cells = dict(zip(self._columns, row, strict=True))
            if "place" in cells:
                cells["place"] = place
            if "value" in cells and cells["key"] in meant:
                cells["value"] = term(cells["key"], meant[cells["key"]])[1]
            if "composed" in cells:
                cells["composed"] = f"{number:064x}"
            if "stamp" in cells:
                cells["stamp"] = time
            yield [self._cell(cells[column], number, id, time) for column in self._columns]

    def _cell(self, value: object, number: int, id: str, time: int) -> str:
        if value is None:
            return "\\N"
        text = str(value).replace(self._made, id).replace(HOST, host_of(number)).replace(NAME, name_of(number))
        text = text.replace(str(TIME), str(time))
        return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _tables(mariadb: LargeMariaDB, database: str) -> list[str]:
    rows = mariadb.ask(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{database}'")
    return sorted({row[0] for row in rows} & {"backup", "term", "word", "backups"})


def _main(mariadb: LargeMariaDB, database: str) -> str:
    return next(name for name in _tables(mariadb, database) if name.startswith("backup"))


def _next_place(mariadb: LargeMariaDB, database: str) -> int:
    if _main(mariadb, database) == "backups":
        return 0
    return int(mariadb.ask(f"SELECT MAX(place) + 1 FROM {database}.backup")[0][0])
