"""Pauses and the health of schedulers, as they are written."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from freezer.model.forms.words import Form, Text, Whole


class PauseForm(Form, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why no runs shall begin. ``draining``: because the scheduler is to be stopped."""

    draining: bool = False
    reason: Text = ""


class HealthForm(Form, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a scheduler says of itself."""

    version: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    time: Annotated[Whole, Meta(description="Its own clock: seconds since 1970.")] | UnsetType = UNSET
    spool: Annotated[int, Meta(ge=0, lt=2**31, description="Reports that it has not delivered.")] | UnsetType = UNSET
