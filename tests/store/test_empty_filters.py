from typing import Any

import pytest
from sqlalchemy.orm import Session

from store import documents
from store.empty_filters import why_nothing_matches
from store.types import Corpus
from tests.store.samples import with_chunks


@pytest.mark.parametrize(
    ("filter", "reason"),
    [
        ({"yeer": 2020}, "no document has the field 'yeer' that the filter asks for"),
        ({"and": [{"year": 2020}, {"yeer": {"gte": 1}}]}, "no document has the field 'yeer'"),
        ({"yeer": {"exists": True}}, "no document has the field 'yeer'"),
        ({"year": "2020"}, "field 'year' with a string, but in the documents it is a number"),
        ({"year": {"gte": "2020-01-01"}}, "with a string, but in the documents it is a number"),
        ({"language": [1, True]}, "with a boolean or number, but in the documents it is a string"),
        ({"year": 1999}, "no searchable document matches the filter"),
        ({"tags": "green"}, "no searchable document matches the filter"),
        ({"year": {"not": {"exists": True}}}, "no searchable document matches the filter"),
        ({"source": "nowhere"}, "no searchable document matches the filter"),
        ({"or": [{"yeer": 1}, {"yeers": 2}]}, "no searchable document matches the filter"),
    ],
)
def test_the_reason_names_what_to_mend(
    session: Session, corpus: Corpus, filter: dict[str, Any], reason: str
) -> None:
    item = with_chunks("a", "text", year=2020, language="en", tags=["red"])
    documents.put_many(session, corpus.id, [item])
    assert reason in why_nothing_matches(session, corpus.id, filter)
