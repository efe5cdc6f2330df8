"""Assistants: the official MCP client, over HTTP and over standard input and output."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from store import corpora, documents
from store.postgres import Database
from store.types import NewDocument, Role
from tests.api.conftest import HANDBOOK, Clients, assert_problem, send_text

Use = Callable[[Client], Coroutine[Any, Any, Any]]


def over_http(clients: Clients, headers: dict[str, str], use: Use, mode: str = "auto") -> Any:
    """What `use` returns, of a client that is connected over HTTP."""

    async def connected() -> Any:
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http_client:
            transport = streamable_http_client(f"{clients.url}/mcp", http_client=http_client)
            async with Client(transport, mode=mode) as client:
                return await use(client)

    return asyncio.run(connected())


def key_of(client: httpx.Client) -> dict[str, str]:
    return {"Authorization": client.headers["Authorization"]}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_assistant_asks_searches_and_reads(
    clients: Clients, reader: httpx.Client, handbook: str, mode: str
) -> None:
    async def use(client: Client) -> tuple[Any, Any, Any, Any]:
        tools = await client.list_tools()
        asked = await client.call_tool("ask", {"question": "How many days of leave are granted to everyone?"})
        found = await client.call_tool("search", {"query": "parental leave", "corpus": handbook, "top_k": 1})
        answer: Any = asked.structured_content
        cited = answer["citations"][0]
        place = {"document_id": cited["document_id"], "start": cited["start"], "end": cited["end"]}
        read = await client.call_tool("get_document", {**place, "version": cited["document_version"]})
        return tools, answer, found.structured_content, read.structured_content

    tools, answer, found, read = over_http(clients, key_of(reader), use, mode)
    assert [tool.name for tool in tools.tools] == ["ask", "search", "get_document"]
    assert all(tool.description and tool.annotations.read_only_hint for tool in tools.tools)
    assert reader.get(f"/v1/responses/{answer['response_id']}").json()["body"] == answer
    assert [hit["source"] for hit in found["hits"]] == ["wiki:leave"]
    assert read["text"] == answer["citations"][0]["quote"]
    assert (read["characters"], read["start"]) == (len(HANDBOOK.strip()), answer["citations"][0]["start"])


def test_mistake_is_told_in_words(clients: Clients, reader: httpx.Client, handbook: str) -> None:
    missing = "00000000-0000-0000-0000-000000000000"
    calls = [
        ("ask", {"question": ""}, "empty"),
        ("ask", {"question": "Why?", "corpus": "none"}, "'none'"),
        ("ask", {"question": "Why?", "session_id": missing}, missing),
        ("search", {"query": "leave", "filters": {"a": {"near": 1}}}, "filter"),
        ("search", {"query": "leave", "mode": "magic"}, "mode"),
        ("get_document", {"document_id": missing}, missing),
        ("get_document", {"document_id": missing, "start": -1}, "start"),
    ]

    async def use(client: Client) -> list[Any]:
        return [await client.call_tool(name, arguments) for name, arguments, _ in calls]

    for result, (name, arguments, word) in zip(over_http(clients, key_of(reader), use), calls, strict=True):
        assert result.is_error, (name, arguments)
        assert word in result.content[0].text


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer gw_wrong"}, {"Authorization": "Basic x"}])
def test_without_a_valid_key_nothing_is_told(clients: Clients, headers: dict[str, str]) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"Accept": "application/json, text/event-stream"}
    response = clients.anonymous().post("/mcp", json=body, headers={**accept, **headers})
    assert_problem(response, 401, "rag keys create")


def test_key_that_is_revoked_is_refused_at_once(
    clients: Clients, administrator: httpx.Client, reader: httpx.Client, handbook: str
) -> None:
    async def use(client: Client) -> Any:
        await client.call_tool("search", {"query": "leave"})
        keys = administrator.get("/v1/keys", params={"user": "ada"}).json()["keys"]
        administrator.delete(f"/v1/keys/{keys[0]['id']}").raise_for_status()
        with pytest.raises(MCPError, match="error response"):
            await client.call_tool("search", {"query": "leave"})

    over_http(clients, key_of(reader), use)


def test_long_document_comes_in_parts(
    clients: Clients, reader: httpx.Client, handbook: str, database: Database
) -> None:
    whole = "\n".join(f"{n}" for n in range(6_000))
    with database.transaction() as session:
        new = NewDocument("long", "Long", whole, sha256=64 * "0", media_type="text/plain")
        document_id = str(documents.put(session, corpora.get(session, handbook).id, new, []).id)

    async def use(client: Client) -> str:
        text = ""
        while True:
            part: Any = await client.call_tool(
                "get_document", {"document_id": document_id, "start": len(text)}
            )
            text += part.structured_content["text"]
            if len(text) == part.structured_content["characters"]:
                return text

    assert over_http(clients, key_of(reader), use) == whole


def test_command_serves_an_assistant_over_its_standard_streams(
    clients: Clients, contributor: httpx.Client, handbook: str, database: Database, tmp_path: Any
) -> None:
    document_id = send_text(contributor, "wiki:pets", "Dogs are welcome.").json()["document_id"]
    key = clients.of(Role.READER).headers["Authorization"].removeprefix("Bearer ")

    def command(key: str) -> StdioServerParameters:
        environment = {"RAG_DATABASE_URL": database.url, "RAG_DATA_DIR": str(tmp_path), "RAG_KEY": key}
        environment |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())}
        return StdioServerParameters(command=sys.executable, args=["-m", "api.cli", "mcp"], env=environment)

    async def use() -> Any:
        async with Client(command(key)) as client:
            tools = await client.list_tools()
            read: Any = await client.call_tool("get_document", {"document_id": document_id})
            return [tool.name for tool in tools.tools], read.structured_content["text"]

    assert asyncio.run(use()) == (["ask", "search", "get_document"], "Dogs are welcome.")
