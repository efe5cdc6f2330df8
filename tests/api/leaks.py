"""A made-up installation whose rights are known by heart, and people who try to see more than they may.

Every document has a word of its own, so whatever is told of it can be recognised; who may read it is worked
out here from the lists as they were given, by nothing that the application does.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from rag.generator.calibration import Calibration
from rag.generator.compose import Segment
from rag.generator.generate import Asked, Generated
from rag.generator.passages import Passage
from rag.generator.settings import GenerationSettings
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


@dataclass(frozen=True)
class Logged:
    """A response: who asked, where, and the words of the documents that were found for it."""

    user: str
    corpus: str
    words: frozenset[str]


class Quoting:
    """A generator that keeps nothing for itself: it copies the beginning of each passage into its answer."""

    name = "quoting"
    calibration = Calibration()

    def check(self, settings: GenerationSettings) -> None:
        pass

    def answer(self, asked: Sequence[Asked]) -> list[Generated]:
        return [self._quote(one) for one in asked]

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        return [0.5 for _ in passages]

    def _quote(self, asked: Asked) -> Generated:
        text, segments = "", []
        for number, passage in enumerate(asked.passages):
            quote = passage.text.partition(".")[0] + "."
            text += " " * bool(text)
            segments.append(Segment(len(text), len(text) + len(quote), number, 0, len(quote)))
            text += quote
        if asked.watcher and asked.watcher.begin(1.0):
            asked.watcher.write(text)
        return Generated(text, tuple(segments), 1.0, -9.0, tuple(0.5 for _ in asked.passages), None)


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
    responses: dict[str, "Logged"] = field(default_factory=dict)
    """By its id, every response that was logged."""

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

    def logged_for(self, user: str, corpus: str | None = None) -> set[str]:
        """The responses that a reviewer may see: their own, and those of which nothing is hidden."""
        readable: dict[str, set[str]] = {name: set() for name in self.corpora}
        for word in self.readable(user):
            readable[self.documents[word][0]].add(word)
        return {
            response_id
            for response_id, logged in self.responses.items()
            if corpus in (None, logged.corpus)
            and (
                logged.user == user
                or (self.sees(user, logged.corpus) and logged.words <= readable[logged.corpus])
            )
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
    role: Role
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
            self.people.append(Person(name, clients.of(role, name), role))
            world.members[name] = set()
            for group in world.random.sample(sorted(self.group_ids), world.random.randint(0, 2)):
                self.set_member(name, group, inside=True)
        for number in range(corpora):
            self._make_corpus(number, documents)
        self._made("/v1/score-definitions", {"name": "correct", "kind": "boolean"})
        self.queue = self._made("/v1/queues", {"name": "all", "definitions": ["correct"]})["id"]

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
