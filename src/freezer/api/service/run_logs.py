"""Logs of runs: written in pieces by the one who executes, read behind a cursor by everybody else."""

from __future__ import annotations

from freezer.api.refusals import Refusal, bad_request, refused
from freezer.api.service.answers import Document
from freezer.api.service.caller import Caller
from freezer.api.service.runs import read
from freezer.api.store.contract import Unit
from freezer.api.store.run_logs import Cursor, Piece
from freezer.model.run_reports import Pieces
from freezer.model.runs import OVER, Fence

MOST_BYTES = 8 * 1024 * 1024
"""The log of one run."""

MOST_READ = 100
_MOST_ANSWERED = 1024 * 1024


def write(unit: Unit, caller: Caller, id: str, told: Pieces) -> Document:
    """Add pieces to the log of a try, which need not be the present one; those that are there already are passed over.

    409 with a ``reason``: ``gap`` (pieces are missing before), ``unknown`` (no such try).
    """
    run = read(unit, caller.scope, id, lock=True)
    if not 0 < told.fence <= int(run.own["fence"] or 0) or told.incarnation > int(run.own["incarnation"] or 0):
        raise refused("unknown", f"run {id} has had no try {told.incarnation}.{told.fence}")
    last = unit.logs.last(run, told.of)
    if told.sequence > last + 1:
        raise refused("gap", f"piece {told.sequence} of this try comes before piece {last + 1}")
    new = [
        Piece(told.of, number, caller.now, each)
        for number, each in enumerate(told.pieces, told.sequence)
        if number > last
    ]
    if new and not unit.logs.append(run, new, MOST_BYTES):
        message = f"the log of run {id} would have more than {MOST_BYTES} bytes"
        raise Refusal(413, "Request Entity Too Large", message, reason="full")
    unit.quotas.charge(run.project_id, "log_bytes", sum(len(each.text.encode()) for each in new))
    return {"run_id": id, "sequence": max(last, told.sequence + len(told.pieces) - 1)}


def show(unit: Unit, caller: Caller, id: str, cursor: Cursor, limit: int) -> Document:
    """Pieces behind ``cursor``, at least one if there is any; ``over``: there will be no more behind them."""
    run = read(unit, caller.scope, id)
    found = unit.logs.after(run, cursor, min(limit, MOST_READ))
    size, shown = 0, 0
    while shown < len(found) and (not shown or size + len(found[shown].text) <= _MOST_ANSWERED):
        size += len(found[shown].text)
        shown += 1
    if shown:
        cursor = Cursor(found[shown - 1].fence, found[shown - 1].sequence)
    return {
        "run_id": id,
        "pieces": [_told(each) for each in found[:shown]],
        "cursor": told_cursor(cursor),
        "over": not found and run.own["state"] in OVER,
    }


def _told(piece: Piece) -> Document:
    return {
        "incarnation": piece.fence.incarnation,
        "fence": piece.fence.number,
        "sequence": piece.sequence,
        "time": piece.at,
        "text": piece.text,
    }


def told_cursor(cursor: Cursor) -> str:
    """``cursor`` as callers get it."""
    return f"{cursor.fence.incarnation}.{cursor.fence.number}.{cursor.sequence}"


def read_cursor(text: str) -> Cursor:
    """The cursor that a caller sent back; 400."""
    parts = text.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 16 for part in parts):
        raise bad_request("the cursor is none of this log: send the one of an answer", title="Invalid parameter")
    incarnation, number, sequence = map(int, parts)
    return Cursor(Fence(incarnation, number), sequence)
