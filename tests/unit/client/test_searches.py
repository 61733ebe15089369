"""What is typed behind --search, as what the API understands."""

from __future__ import annotations

import pytest

from freezer.client.search import search_for
from freezer.errors import UsageError


@pytest.mark.parametrize(
    ("text", "search"),
    [
        (None, {}),
        ("", {}),
        ("two words", {"match": [{"_all": "two words"}]}),
        ('[{"status": "completed"}]', {"match": [{"status": "completed"}]}),
        ('{"match_not": [{"tag": 2}]}', {"match_not": [{"tag": 2}]}),
    ],
)
def test_words_lists_and_searches_are_understood(text: str | None, search: object) -> None:
    assert search_for(text) == search


def test_a_client_narrows_any_search_and_changes_nothing_else() -> None:
    given = '{"match": [{"a": 1}], "match_not": [{"b": 2}]}'
    narrowed = {"match": [{"a": 1}, {"client_id": "node"}], "match_not": [{"b": 2}]}
    assert search_for(given, client_id="node", other=None) == narrowed


@pytest.mark.parametrize("text", ["[1, 2]", '{"status": "completed"}', "{half"])
def test_json_that_is_no_search_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="search"):
        search_for(text)
