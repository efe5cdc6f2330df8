"""People who try everything to see more than they may, and what may come back of it."""

import json
from collections.abc import Callable, Set
from typing import Any

import httpx

from store.types import Role
from tests.api.leaks import CORPUS, MARKER, Installation, Logged, Person


class Prober:
    """Tries everything that a reader can, and compares it with what the world allows."""

    def __init__(self, installation: Installation) -> None:
        self._world = installation.world
        self.installation = installation
        self._queued: set[str] = set()
        self._scored: list[tuple[str, str]] = []
        self.attempts: list[Callable[[Person, str], None]] = [
            self.search,
            self.search_by_words,
            self.search_files,
            self.list_documents,
            self.read_documents,
            self.export,
            self.list_corpora,
            self.ask,
            self.stream,
            self.chat,
            self.repeat,
            self.read_log,
            self.export_log,
            self.read_figures,
            self.review,
            self.read_sessions,
            self.resume,
            self.assist,
        ]

    def search(self, person: Person, corpus: str) -> None:
        """Search by meaning and words; as many hits as may be read, and nothing in the reasons."""
        mode = self._world.random.choice(["hybrid", "vector", "keyword"])
        word = self._world.random.choice(sorted(self._world.documents))
        body = {"query": f"river {word}", "corpus": corpus, "top_k": 100, "mode": mode}
        response = person.client.post("/v1/search", json=body)
        if not self._answered(person, corpus, response):
            return
        found = {hit["title"] for hit in response.json()["hits"]}
        assert found == self._world.readable(person.name, corpus), (person.name, corpus, mode)
        self._check(person, response, asked={word})

    def search_by_words(self, person: Person, corpus: str) -> None:
        """Search for what only one document has, by phrases and filters and misspelt."""
        word = self._world.random.choice(sorted(self._world.documents))
        query, filters = self._world.random.choice(
            [(f'"{word}"', {}), (f"+{word} river", {}), (f"{word}q", {}), ("river", {"tag": word})]
        )
        body = {"query": query, "corpus": corpus, "filters": filters}
        response = person.client.post("/v1/search", json=body)
        if self._answered(person, corpus, response):
            hidden = word not in self._world.readable(person.name, corpus)
            titles = {hit["title"] for hit in response.json()["hits"]}
            assert not hidden or word not in titles
            self._check(person, response, asked={word})

    def search_files(self, person: Person, corpus: str) -> None:
        """Search a vector store, and look at its files."""
        found = person.client.post(f"/v1/vector_stores/{corpus}/search", json={"query": "river"})
        if self._answered(person, corpus, found):
            self._check(person, found)
            self._check(person, person.client.get(f"/v1/vector_stores/{corpus}"))
        files = person.client.get("/v1/files", params={"limit": 500}).json()
        named = {file["filename"].removeprefix("about:") for file in files["data"]}
        assert named == self._world.readable(person.name)

    def list_documents(self, person: Person, corpus: str) -> None:
        """List a corpus's documents, and its duplicates."""
        response = person.client.get("/v1/documents", params={"corpus": corpus, "limit": 500})
        if self._answered(person, corpus, response):
            listed = {document["title"] for document in response.json()["documents"]}
            assert listed == self._world.readable(person.name, corpus)
            self._check(person, person.client.get("/v1/duplicates", params={"corpus": corpus}))

    def read_documents(self, person: Person, corpus: str) -> None:
        """Read any document by its id, in every way."""
        word = self._world.random.choice(sorted(self._world.documents))
        document_id = self._world.ids[word]
        allowed = word in self._world.readable(person.name)
        paths = [f"/v1/documents/{document_id}", f"/v1/documents/{document_id}/text"]
        paths += [f"/v1/duplicates/{document_id}", f"/v1/files/file-{document_id.replace('-', '')}/content"]
        for path in paths:
            response = person.client.get(path)
            assert response.status_code == (200 if allowed else 404), (person.name, path)
            self._check(person, response)

    def export(self, person: Person, corpus: str) -> None:
        """Export a corpus."""
        response = person.client.get(f"/v1/corpora/{corpus}/export")
        if self._answered(person, corpus, response):
            assert set(MARKER.findall(response.text)) == self._world.readable(person.name, corpus)

    def list_corpora(self, person: Person, corpus: str) -> None:
        """List corpora: their names, and how much is in them."""
        listed = person.client.get("/v1/corpora", params={"limit": 500}).json()["corpora"]
        visible = {name for name in self._world.corpora if self._world.sees(person.name, name)}
        assert {each["name"] for each in listed} == visible
        for each in listed:
            count = len(self._world.readable(person.name, each["name"]))
            assert (each["documents"], each["chunks"]) == (count, count)
        models = person.client.get("/v1/models").text
        assert set(CORPUS.findall(models)) == visible

    def ask(self, person: Person, corpus: str) -> None:
        """Ask a question."""
        word = self._world.random.choice(sorted(self._world.documents))
        body = {"question": f"How long is the river {word}?", "corpus": corpus}
        response = person.client.post("/v1/ask", json=body)
        if self._answered(person, corpus, response):
            self._check(person, response, asked={word})
            answer = response.json()
            cited = {cited["source"] for cited in answer["citations"]}
            assert cited == {hit["source"] for hit in answer["hits"]}
            self._note(person, corpus, answer)

    def stream(self, person: Person, corpus: str) -> None:
        """Ask a question and hear the answer while it is written."""
        response = self._streamed(person, corpus)
        if self._answered(person, corpus, response):
            self._check(person, response)
            self._note(person, corpus, self._last_event(response))

    def chat(self, person: Person, corpus: str) -> None:
        """Ask as OpenAI's clients do."""
        messages = [{"role": "user", "content": "How long is the river?"}]
        body = {"model": f"groundwork/{corpus}", "messages": messages}
        response = person.client.post("/v1/chat/completions", json=body)
        if self._answered(person, corpus, response):
            self._check(person, response)
            self._note(person, corpus, response.json()["groundwork"])

    def resume(self, person: Person, corpus: str) -> None:
        """Read a stream again after a right may have been taken away, and one that somebody else asked."""
        response = self._streamed(person, corpus)
        if not self._answered(person, corpus, response):
            return
        answer = self._last_event(response)
        self._note(person, corpus, answer)
        stream = response.text.partition("\nid: ")[2].partition(":")[0]
        if self._world.random.random() < 0.5:
            self.installation.change_a_right()
        again = person.client.get(f"/v1/ask/streams/{stream}")
        found = set(MARKER.findall(json.dumps(answer["hits"])))
        if found <= self._world.readable(person.name, corpus) and self._world.sees(person.name, corpus):
            assert again.status_code == 200
            assert self._last_event(again) == answer
        else:
            assert again.status_code == 404, (person.name, corpus)
            self._check(person, again, asked={corpus})
        other = self._world.random.choice(self.installation.people)
        if other is not person:
            assert other.client.get(f"/v1/ask/streams/{stream}").status_code == 404

    def assist(self, person: Person, corpus: str) -> None:
        """Search and read as an assistant does, over the Model Context Protocol."""
        word = self._world.random.choice(sorted(self._world.documents))
        found = self._call(person, "search", {"query": f"river {word}", "corpus": corpus, "top_k": 100})
        if self._world.sees(person.name, corpus):
            titles = {hit["title"] for hit in found["structuredContent"]["hits"]}
            assert titles == self._world.readable(person.name, corpus)
        else:
            assert found["isError"]
            assert not set(MARKER.findall(json.dumps(found)))
        read = self._call(person, "get_document", {"document_id": self._world.ids[word]})
        assert read["isError"] == (word not in self._world.readable(person.name))
        assert not read["isError"] or word not in json.dumps(read)

    def _call(self, person: Person, tool: str, arguments: dict[str, Any]) -> Any:
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
        headers = {"Accept": "application/json, text/event-stream"}
        return person.client.post("/mcp", json=body, headers=headers).raise_for_status().json()["result"]

    def _streamed(self, person: Person, corpus: str) -> httpx.Response:
        body = {"question": "How long is the river?", "corpus": corpus, "stream": True}
        return person.client.post("/v1/ask", json=body)

    def _last_event(self, response: httpx.Response) -> Any:
        return json.loads(response.text.rpartition("data: ")[2].partition("\n")[0])

    def _note(self, person: Person, corpus: str, answer: Any) -> None:
        """Remember what was logged, and what the person has been told of."""
        words = frozenset(MARKER.findall(json.dumps([answer["hits"], answer["citations"]])))
        self._world.responses[answer["response_id"]] = Logged(person.name, corpus, words)
        person.told |= words

    def repeat(self, person: Person, corpus: str) -> None:
        """Send an earlier question again, under its name: its answer comes only if all of it may be seen."""
        body = {"query": "river", "corpus": corpus}
        headers = {"Idempotency-Key": f"{person.name}-{corpus}"}
        response = person.client.post("/v1/search", json=body, headers=headers)
        assert response.status_code in (200, 404, 409)
        if response.status_code == 200 and "idempotency-replayed" not in response.headers:
            assert self._world.sees(person.name, corpus)
        self._check(person, response, asked={corpus})

    def read_log(self, person: Person, corpus: str) -> None:
        """Read one's own log, and as a reviewer that of others as far as all in it may be read."""
        wanted = self._logged(person, corpus)
        lines = person.client.get("/v1/responses/export", params={"corpus": corpus}).text.splitlines()
        assert {json.loads(line)["id"] for line in lines} == wanted, (person.name, corpus)
        for line in lines:
            response = json.loads(line)
            told = set(MARKER.findall(line)) - set(MARKER.findall(response["question"]))
            readable = self._world.readable(person.name)
            own = response["user"] == person.name
            assert told <= (readable | person.told if own else readable), (person.name, response["id"])
        chosen = self._world.random.choice(sorted(self._world.responses) or [""])
        if chosen:
            allowed = chosen in self._logged(person)
            shown = person.client.get(f"/v1/responses/{chosen}")
            assert shown.status_code == (200 if allowed else 404), (person.name, chosen)
        self._check(person, person.client.get("/v1/jobs"))

    def export_log(self, person: Person, corpus: str) -> None:
        """Export the log in each of its forms."""
        what = self._world.random.choice(["responses", "scores", "corrections", "chat"])
        form = "jsonl" if what == "chat" else self._world.random.choice(["jsonl", "csv"])
        params = {"format": form, "corpus": corpus}
        exported = person.client.get(f"/v1/exports/{what}", params=params).raise_for_status().text
        seen = self._logged(person, corpus)
        named = {found for found in self._world.responses if found in exported}
        assert named <= seen, (person.name, what)
        assert what != "responses" or named == seen

    def read_figures(self, person: Person, corpus: str) -> None:
        """Count responses: in the overview, its clusters of similar questions, and the pages of the list."""
        params: dict[str, Any] = {"corpus": corpus, "by": "corpus"}
        overview = person.client.get("/v1/overview", params=params).raise_for_status().json()
        seen = self._logged(person, corpus)
        assert sum(point["responses"] for point in overview["activity"]) == len(seen), (person.name, corpus)
        assert sum(one["count"] for one in overview["answered"]) <= len(seen)
        assert {one["newest"] for one in overview["most_asked"] + overview["worst_answered"]} <= seen
        listed = person.client.get("/v1/responses", params={"corpus": corpus, "limit": 500}).json()
        assert {one["id"] for one in listed["responses"]} == seen

    def review(self, person: Person, corpus: str) -> None:
        """Put what may be seen into the queue that all share, look at it, score, and count."""
        if person.role is not Role.REVIEWER:
            assert person.client.get("/v1/queues").status_code == 403
            return
        queue = f"/v1/queues/{self.installation.queue}"
        chosen = sorted(self._world.responses)[-50:]
        if chosen:
            person.client.post(f"{queue}/items", json={"response_ids": chosen}).raise_for_status()
        self._queued |= set(chosen) & self._logged(person)
        seen = self._logged(person) & self._queued
        items = person.client.get(f"{queue}/items", params={"limit": 500}).json()["items"]
        assert {item["response_id"] for item in items} <= seen
        assert person.client.get(queue).json()["items"] == len(seen), person.name
        taken = person.client.post(f"{queue}/next").json()
        assert taken["waiting"] <= len(seen)
        if taken["item"] is not None:
            assert taken["item"]["response_id"] in seen
            body = {"scores": [{"definition": "correct", "value": self._world.random.random() < 0.5}]}
            at = f"{queue}/items/{taken['item']['id']}/submit"
            person.client.post(at, json=body).raise_for_status()
            self._scored.append((person.name, taken["item"]["response_id"]))
        agreement = person.client.get(f"{queue}/agreement").json()["scores"]
        scored = {user for user, response_id in self._scored if response_id in self._logged(person)}
        for score in agreement:
            assert {user for pair in score["pairs"] for user in pair["users"]} <= scored, person.name

    def read_sessions(self, person: Person, corpus: str) -> None:
        """List conversations, export one's own, and try somebody else's."""
        listed = person.client.get("/v1/sessions", params={"corpus": corpus, "limit": 20})
        asked = {
            found for one in listed.json()["sessions"] for found in MARKER.findall(str(one["first_question"]))
        }
        self._check(person, listed, asked=asked | {corpus})
        for session in listed.json()["sessions"][:2]:
            for path in ("", "/responses", "/export"):
                found = person.client.get(f"/v1/sessions/{session['id']}{path}")
                assert found.status_code == 200
                self._check_told(person, found)

    def _check_told(self, person: Person, response: httpx.Response) -> None:
        """Nothing is told of what is hidden, but to those who were told of it when they asked."""
        named = {found for found in self._world.responses if found in response.text}
        assert named <= self._logged(person), (person.name, response.url)

    def _logged(self, person: Person, corpus: str | None = None) -> set[str]:
        """The responses that a person may see in the log."""
        seen = self._world.logged_for(person.name, corpus)
        if person.role is Role.REVIEWER:
            return seen
        return {found for found in seen if self._world.responses[found].user == person.name}

    def _answered(self, person: Person, corpus: str, response: httpx.Response) -> bool:
        """Whether there was an answer, which there is for those only that may know of the corpus."""
        if self._world.sees(person.name, corpus):
            assert response.status_code == 200, response.text
            return True
        assert response.status_code == 404, (person.name, corpus, response.text)
        self._check(person, response, asked={corpus})
        return False

    def _check(self, person: Person, response: httpx.Response, asked: Set[str] = frozenset()) -> None:
        """Nothing is told of what is hidden but what was in the question."""
        told = set(MARKER.findall(response.text)) - asked
        assert told <= self._world.readable(person.name), (person.name, response.url)
        for name in set(CORPUS.findall(response.text)) - asked:
            assert self._world.sees(person.name, name), (person.name, response.url)
