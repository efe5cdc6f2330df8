import csv
import io
import json

import httpx
import pyarrow.parquet as pq
import pytest

from api.exports import COLUMNS, Exported, Row, anonymiser, as_csv, as_jsonl, as_parquet
from store.types import Role
from tests.api.conftest import Clients, assert_problem
from tests.api.test_responses import ask


def row(number: int, **changed: object) -> Row:
    empty: Row = dict.fromkeys(COLUMNS[Exported.CORRECTIONS])
    return empty | {"id": str(number), "answer": "Grüße, “A”\nB", "spans": [{"start": 1}]} | changed


BATCHES = [[row(1), row(2, answer="=1+1")], [], [row(3)]]


def test_jsonl_ends_with_how_many_rows_it_has() -> None:
    lines = b"".join(as_jsonl(BATCHES)).decode().splitlines()
    assert [json.loads(line)["id"] for line in lines[:-1]] == ["1", "2", "3"]
    assert json.loads(lines[-1]) == {"complete": True, "rows": 3}


def test_csv_is_read_back_and_ends_with_its_mark() -> None:
    text = b"".join(as_csv(BATCHES, COLUMNS[Exported.CORRECTIONS])).decode()
    *rows, end = csv.reader(io.StringIO(text))
    assert rows[0] == list(COLUMNS[Exported.CORRECTIONS])
    assert [line[5] for line in rows[1:]] == ["Grüße, “A”\nB", "'=1+1", "Grüße, “A”\nB"]
    assert end == ["# complete: 3 rows"]


def test_parquet_is_whole_or_unreadable() -> None:
    content = b"".join(as_parquet(BATCHES, COLUMNS[Exported.CORRECTIONS]))
    table = pq.read_table(io.BytesIO(content))
    assert table["id"].to_pylist() == ["1", "2", "3"]
    assert json.loads(table["spans"][0].as_py()) == [{"start": 1}]
    with pytest.raises(ValueError, match=r"(?i)parquet"):
        pq.read_table(io.BytesIO(content[:-20]))


def test_pseudonyms_are_the_same_within_an_export_only() -> None:
    texts = {"user": "ada", "answer": "Write to ada@example.org.", "comment": "ada@example.org!", "id": "ada"}
    found, other = anonymiser(None)(texts), anonymiser(None)(texts)
    assert "ada@" not in json.dumps(found)
    assert found["answer"][9:-1] == found["comment"][:-1] != other["comment"][:-1]
    assert found["user"].startswith("[USER_")
    assert found["id"] == "ada"


def export(client: httpx.Client, what: str, **params: str | bool) -> list[Row]:
    response = client.get(f"/v1/exports/{what}", params=params).raise_for_status()
    *rows, end = (json.loads(line) for line in response.text.splitlines())
    assert end == {"complete": True, "rows": len(rows)}
    return list(rows)


def test_exports_follow_filters_and_rights(reader: httpx.Client, clients: Clients, handbook: str) -> None:
    rita, eve = clients.of(Role.REVIEWER, "rita"), clients.of(Role.READER, "eve")
    mine, hers = ask(reader, "How long is parental leave?"), ask(eve, "Who books trains?")
    corrected = {"answer": "Twelve weeks.", "comment": "Mail eve@example.org."}
    rita.post(f"/v1/responses/{mine}/corrections", json=corrected).raise_for_status()
    assert [r["id"] for r in export(rita, "responses")] == [hers, mine]
    assert [r["id"] for r in export(rita, "responses", q="user:eve")] == [hers]
    assert [r["id"] for r in export(reader, "responses")] == [mine]
    assert {s["response_id"] for s in export(eve, "scores")} == {hers}
    [correction] = export(rita, "corrections")
    assert (correction["answer"], correction["user"]) == ("Twelve weeks.", "rita")
    [covered] = export(rita, "corrections", anonymise=True)
    assert "eve@" not in covered["comment"]
    assert covered["user"] != "rita"
    chat = export(reader, "chat")
    assert chat[0]["messages"][1] == {"role": "assistant", "content": "Twelve weeks."}
    assert_problem(reader.get("/v1/exports/chat", params={"format": "csv"}), 422, "jsonl")
    table = rita.get("/v1/exports/responses", params={"format": "parquet"}).content
    assert pq.read_table(io.BytesIO(table))["id"].to_pylist() == [hers, mine]
