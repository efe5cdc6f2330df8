"""A made-up installation whose rights are known by heart, and people who try to see more than they may.

Every document has a word of its own, so whatever is told of it can be recognised; who may read it is worked
out here from the lists as they were given, by nothing that the application does.
"""

import json
import random
import re
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from typing import Any

import httpx

from store.types import Role
from tests.api.conftest import Clients

WORDS = ["river", "stone", "garden", "winter", "letter", "window", "bridge", "summer", "forest", "market"]
MARKER = re.compile(r"zq\d+x\d+")
CORPUS = re.compile(r"secret\d+")


@dataclass
class Lists:
    """Who is on a list: users and groups; None is everybody."""

    users: set[str]
    groups: set[str]

    def has(self, user: str, groups: set[str]) -> bool:
        """Whether the user, or one of its groups, is on it."""
        return user in self.users or bool(self.groups & groups)


@dataclass
class World:
    """What there is, and who may see it."""

    random: random.Random
    members: dict[str, set[str]] = field(default_factory=dict)
    """The groups of each user."""
    corpora: dict[str, Lists | None] = field(default_factory=dict)
    documents: dict[str, tuple[str, Lists | None]] = field(default_factory=dict)
    """By the word that only it has: the corpus and the list of each document."""
    ids: dict[str, str] = field(default_factory=dict)

    def sees(self, user: str, corpus: str) -> bool:
        """Whether a user may know of a corpus."""
        lists = self.corpora[corpus]
        return lists is None or lists.has(user, self.members[user])

    def readable(self, user: str, corpus: str | None = None) -> set[str]:
        """The words of the documents that a user may read."""
        return {
            word
            for word, (where, lists) in self.documents.items()
            if corpus in (None, where)
            and self.sees(user, where)
            and (lists is None or lists.has(user, self.members[user]))
        }

    def some_list(self) -> Lists:
        """A list of a few users and groups."""
        users = self.random.sample(sorted(self.members), min(2, len(self.members)))
        return Lists(set(users[: self.random.randint(0, 2)]), {f"group{self.random.randint(0, 3)}"})


@dataclass
class Person:
    """A user with a client, and the words that were in answers to its own questions."""

    name: str
    client: httpx.Client
    told: set[str] = field(default_factory=set)


class Installation:
    """A running server that holds a world."""

    def __init__(self, clients: Clients, world: World, *, users: int, corpora: int, documents: int) -> None:
        """Make users, groups, corpora and documents, all by the API."""
        self.world = world
        self.root = clients.of(Role.ADMINISTRATOR, "root")
        self.group_ids = {
            name: self._made("/v1/groups", {"name": name})["id"] for name in (f"group{n}" for n in range(4))
        }
        self.people = []
        self.user_ids = {}
        for number in range(users):
            name = f"user{number}"
            role = Role.REVIEWER if number % 3 == 0 else Role.READER
            self.user_ids[name] = self._made("/v1/users", {"name": name})["id"]
            self.people.append(Person(name, clients.of(role, name)))
            world.members[name] = set()
            for group in world.random.sample(sorted(self.group_ids), world.random.randint(0, 2)):
                self.set_member(name, group, inside=True)
        for number in range(corpora):
            self._make_corpus(number, documents)

    def _make_corpus(self, number: int, documents: int) -> None:
        name = f"secret{number}"
        self._made("/v1/corpora", {"name": name})
        self.set_corpus(name, self.world.some_list() if number % 2 else None)
        for count in range(documents):
            word = f"zq{number}x{count}"
            others = " ".join(self.world.random.choices(WORDS, k=30))
            lists = self.world.some_list() if self.world.random.random() < 0.4 else None
            body: dict[str, Any] = {"corpus": name, "source": f"about:{word}", "title": word}
            body |= {"text": f"The river {word} is {count} miles long. {others}.", "metadata": {"tag": word}}
            if lists is not None:
                body["readers"] = _as_json(lists)
            self.world.ids[word] = self._made("/v1/documents", body)["document_id"]
            self.world.documents[word] = (name, lists)

    def set_corpus(self, name: str, lists: Lists | None) -> None:
        """Open a corpus to all, or to those on a list."""
        body: dict[str, Any] = {"restricted": lists is not None}
        if lists is not None:
            body |= {kind: dict.fromkeys(names, "read") for kind, names in _as_json(lists).items()}
        self.root.put(f"/v1/corpora/{name}/access", json=body).raise_for_status()
        self.world.corpora[name] = lists

    def set_document(self, word: str, lists: Lists | None) -> None:
        """Open a document to all readers of its corpus, or to those on a list."""
        path = f"/v1/documents/{self.world.ids[word]}/readers"
        if lists is None:
            self.root.delete(path).raise_for_status()
        else:
            self.root.put(path, json=_as_json(lists)).raise_for_status()
        self.world.documents[word] = (self.world.documents[word][0], lists)

    def set_member(self, user: str, group: str, *, inside: bool) -> None:
        """Put a user into a group, or take it out."""
        path = f"/v1/groups/{self.group_ids[group]}/members/{self.user_ids[user]}"
        (self.root.put if inside else self.root.delete)(path).raise_for_status()
        (self.world.members[user].add if inside else self.world.members[user].discard)(group)

    def change_a_right(self) -> None:
        """Give or take something, somewhere."""
        choose = self.world.random
        kind = choose.randint(0, 2)
        lists = self.world.some_list() if choose.random() < 0.7 else None
        if kind == 0:
            self.set_corpus(choose.choice(sorted(self.world.corpora)), lists)
        elif kind == 1:
            self.set_document(choose.choice(sorted(self.world.documents)), lists)
        else:
            user, group = choose.choice(sorted(self.user_ids)), choose.choice(sorted(self.group_ids))
            self.set_member(user, group, inside=choose.random() < 0.5)

    def _made(self, path: str, body: dict[str, Any]) -> Any:
        return self.root.post(path, json=body).raise_for_status().json()


def _as_json(lists: Lists) -> dict[str, list[str]]:
    return {"users": sorted(lists.users), "groups": sorted(lists.groups)}


class Prober:
    """Tries everything that a reader can, and compares it with what the world allows."""

    def __init__(self, installation: Installation) -> None:
        self._world = installation.world
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
            person.told |= set(MARKER.findall(response.text))

    def stream(self, person: Person, corpus: str) -> None:
        """Ask a question and hear the answer while it is written."""
        body = {"question": "How long is the river?", "corpus": corpus, "stream": True}
        response = person.client.post("/v1/ask", json=body)
        if self._answered(person, corpus, response):
            self._check(person, response)
            person.told |= set(MARKER.findall(response.text))

    def chat(self, person: Person, corpus: str) -> None:
        """Ask as OpenAI's clients do."""
        messages = [{"role": "user", "content": "How long is the river?"}]
        body = {"model": f"groundwork/{corpus}", "messages": messages}
        response = person.client.post("/v1/chat/completions", json=body)
        if self._answered(person, corpus, response):
            self._check(person, response)
            person.told |= set(MARKER.findall(response.text))

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
        readable = self._world.readable(person.name)
        for line in person.client.get("/v1/responses/export").text.splitlines():
            response = json.loads(line)
            told = set(MARKER.findall(line)) - set(MARKER.findall(response["question"]))
            own = response["user"] == person.name
            assert told <= (readable | person.told if own else readable), (person.name, response["id"])
            assert own or self._world.sees(person.name, response["corpus"])
        self._check(person, person.client.get("/v1/jobs"))

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
