"""The API asked by a machine that has read its description: what that allows and what it forbids, alone and in chains.

No answer may be a failure of the server, every answer must be what the description says of it, and what breaks the
description must be refused. The long form (``pytest -m slow``) sends 2000 requests and more to every operation.
"""

from __future__ import annotations

import warnings
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from freezer.api.server import describe
from support.api import serving
from support.houses import House, house
from support.people import shared
from support.sweeps import Trials

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of libraries that it stands on
    import schemathesis
    from schemathesis.specs.openapi.checks import (
        ensure_resource_availability,
        negative_data_rejection,
        positive_data_acceptance,
    )

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

_DOCUMENT = describe()
_OPERATIONS = [(path, method) for path, methods in _DOCUMENT["paths"].items() for method in methods]


@cache
def _schema() -> Any:
    return schemathesis.openapi.from_wsgi("/openapi.json", shared().application)


_MANY = 100  # examples


def _settings(examples: int, **more: Any) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples < _MANY,  # a short form is the same in every run
        suppress_health_check=list(HealthCheck),
        **more,
    )


def _not_holding(case: Any, status: int) -> list[Any]:
    """The checks that do not hold.

    A schema cannot say that a client must be there, or that 30 February is no day: 400, 404, 409 and 422 remain. A
    parameter without a value, or a body of blanks, is as good as none, and of several limits the last one counts, as
    the original has it. 413 is a refusal like others, which schemathesis does not take for one. What is new has no key
    yet, nor anything else below it.
    """
    query = case.query or {}
    empty = any(value in ("", {}, [], [""], None) for value in query.values())
    empty = empty or (isinstance(case.body, bytes) and not case.body.strip())
    several = any(isinstance(query.get(name), list) for name in ("limit", "offset"))
    excluded = [positive_data_acceptance]
    if empty or several or status == 413:
        excluded.append(negative_data_rejection)
    if not case.operation.path.endswith("}"):
        excluded.append(ensure_resource_availability)
    return excluded


@st.composite
def _places(draw: st.DrawFn, home: House) -> dict[str, str]:
    """Which parts of a path are to be those of something that is there: all, the project alone, or none."""
    names = draw(st.sampled_from([list(home.ids), ["project_id"], []]))
    return {name: home.ids[name] for name in names}


@pytest.mark.parametrize(("path", "method"), _OPERATIONS, ids=[f"{m.upper()} {p}" for p, m in _OPERATIONS])
def test_whatever_the_description_allows_or_forbids_is_answered_as_it_says(
    path: str, method: str, trials: Trials, counted: Counter[str]
) -> None:
    home = house("v1" if path.startswith("/v1") else "v2")
    operation = _schema()[path][method]
    headers = {} if path.startswith("/identity") else home.owner.headers()

    def ask(case: Any, places: dict[str, str]) -> None:
        case.path_parameters = {**case.path_parameters, **{k: v for k, v in places.items() if f"{{{k}}}" in path}}
        answer = case.call(headers=headers)
        counted["requests"] += 1
        counted[f"{answer.status_code}"] += 1
        case.validate_response(answer, excluded_checks=_not_holding(case, answer.status_code))

    right = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    _settings(trials(5, 2000))(given(case=right, places=_places(home))(ask))()
    if _can_be_wrong(path, method):
        wrong = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
        _settings(trials(5, 1000))(given(case=wrong, places=_places(home))(ask))()


def _can_be_wrong(path: str, method: str) -> bool:
    """Whether there is anything in a request that is more than a text."""
    told = _DOCUMENT["paths"][path][method]
    types = [each["schema"].get("type") for each in told["parameters"]]
    return "requestBody" in told or any(each != "string" for each in types)


class _Anew:
    """A server that can be made anew, as if nobody had ever asked it anything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self.begin()

    def begin(self) -> None:
        place = self._folder / f"{self._count}"
        place.mkdir()
        self._count += 1
        self._application = serving(place).application

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self._application(environ, start_response)


def test_chains_of_requests_in_which_answers_lead_to_the_next_are_answered_as_the_description_says(
    trials: Trials, counted: Counter[str], tmp_path: Path
) -> None:
    server = _Anew(tmp_path)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", server)

    class Chains(schema.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            server.begin()  # or a chain that is repeated would meet what it left behind, and hypothesis gives up

        def validate_response(self, response: Any, case: Any, **more: Any) -> None:
            counted["requests"] += 1
            counted[f"{response.status_code}"] += 1
            excluded = _not_holding(case, response.status_code)
            case.validate_response(response, excluded_checks=excluded, recorder=self.recorder)

    run_state_machine_as_test(Chains, settings=_settings(trials(3, 500), stateful_step_count=trials(8, 30)))
    assert counted["requests"] > trials(10, 5000)
