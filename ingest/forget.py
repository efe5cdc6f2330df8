"""Forgets a person: finds what tells of them everywhere, and covers it.

Every step can be broken off and done again. What the vault knows of the person goes last, because it helps
to find the rest.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from urllib.parse import quote
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ingest.anonymize import recognisers
from ingest.boilerplate import paragraphs as find_paragraphs
from ingest.clean import normalise_line
from ingest.deduplicate import band_keys, signatures
from ingest.errors import ForgetError
from ingest.personal.finding import Kind, Recogniser
from store import erasure, paragraphs, vault
from store.erasure import Cover, CoveredChunk, CoveredDocument, StoredDocument, StoredVersion
from store.errors import VaultKeyError
from store.index.search_text import search_text
from store.postgres import Database
from store.shingles import shingle
from store.types import Corpus
from store.vault import VaultKey

logger = logging.getLogger(__name__)

COVER = "█"
MIN_LETTERS = 3
_DOCUMENTS_AT_ONCE = 20
_BETWEEN = r"(?:[\W_]|%20){1,4}"
_BEFORE, _AFTER = r"(?<![^\W_])", r"(?![^\W_])"

EmbedOf = Callable[[Corpus], Callable[[Sequence[str]], NDArray[np.float32]]]
"""Gives what embeds the texts of a corpus."""


@dataclass(frozen=True)
class Forgotten:
    """What was erased, or would be: how much, and in which corpora.

    `versions` and `chunks` are those whose texts changed; `rows` are those of other tables, by table.
    """

    corpora: tuple[str, ...]
    documents: int
    versions: int
    chunks: int
    rows: Mapping[str, int]
    vault_entries: int


def forget(
    person: Sequence[str],
    corpora: Sequence[Corpus],
    *,
    database: Database,
    embed_of: EmbedOf,
    key: VaultKey | None,
    dry_run: bool = False,
) -> Forgotten:
    """Covers everything that names a person, in all versions of all documents, and in the log.

    Args:
        person: what names them: a name, e-mail addresses, numbers, each as it may stand in a text.
        corpora: all that there are.
        database: holds everything.
        embed_of: gives a corpus's encoder; covered chunks are embedded again.
        key: opens the vault, whose pseudonyms of the person are covered too; None is for an empty vault.
        dry_run: tells what would be erased, and erases nothing.

    Raises:
        ForgetError: One of `person` is too short to find nobody else by.
        VaultKeyError: The vault is not empty, and the key is missing or wrong.
    """
    pseudonyms = _pseudonyms(person, corpora, database, key)
    cover = covering([*person, *pseudonyms])
    counts = [_forget_in(corpus, database, cover, embed_of, dry_run=dry_run) for corpus in corpora]
    with database.transaction() as session:
        rows = erasure.cover_elsewhere(session, cover, write=not dry_run)
    entries = len(pseudonyms)
    if not dry_run:
        with database.transaction() as session:
            entries = vault.erase(session, [corpus.id for corpus in corpora], pseudonyms)
        erasure.vacuum(database)
    done = Forgotten(
        corpora=tuple(corpus.name for corpus, found in zip(corpora, counts, strict=True) if found.documents),
        documents=sum(found.documents for found in counts),
        versions=sum(found.versions for found in counts),
        chunks=sum(found.chunks for found in counts),
        rows=rows,
        vault_entries=entries,
    )
    logger.info("a person was forgotten%s: %s", " on trial" if dry_run else "", done)
    return done


def covering(terms: Sequence[str]) -> Cover:
    """Returns what covers all places where a text has one of these terms, whatever its case and spacing.

    Raises:
        ForgetError: A term has too few letters and digits.
    """
    patterns = [pattern for term in terms for pattern in _patterns(normalise_line(term, 1_000))]
    found = re.compile(_BEFORE + "(?:" + "|".join(patterns) + ")" + _AFTER, re.IGNORECASE)
    return lambda text: found.sub(lambda match: COVER * len(match.group()), text)


def _patterns(term: str) -> list[str]:
    """The ways in which a term may be written: other spacing, a name the other way round, in an address."""
    if sum(map(str.isalnum, term)) < MIN_LETTERS:
        raise ForgetError(term)
    if sum(map(str.isdigit, term)) >= 7 and not re.search(r"[^\W\d_]{5}", term):  # a number with its spacing
        return [r"[\W_]?".join(map(re.escape, re.findall(r"[^\W_]", term)))]
    words = term.split(" ")
    patterns = [_BETWEEN.join(map(re.escape, words))]
    if len(words) > 1:
        patterns.append(re.escape(words[-1]) + _BETWEEN + _BETWEEN.join(map(re.escape, words[:-1])))
    if quote(term) != term:
        patterns.append(_BETWEEN.join(re.escape(quote(word)) for word in words))
    if term.startswith("["):  # a pseudonym: its brackets stand for the ends of a word
        patterns = [re.escape(term[1:-1])]
    return patterns


def _pseudonyms(
    person: Sequence[str], corpora: Sequence[Corpus], database: Database, key: VaultKey | None
) -> list[str]:
    """The pseudonyms of the person: those that their data have, and those whose data name them."""
    with database.transaction() as session:
        filled = vault.count(session)
    if key is None:
        if filled:
            raise VaultKeyError(
                f"The vault holds {filled:,} entries, and some may be of the person: set RAG_VAULT_KEY or "
                "RAG_VAULT_KEY_FILE to its key."
            )
        return []
    find: list[Recogniser] = recognisers(Kind)
    found = {
        key.pseudonym(finding.kind, finding.value)
        for term in person
        for recognise in find
        for finding in recognise(term)
    }
    found |= {key.pseudonym(Kind.NAME, " ".join(term.split()).casefold()) for term in person}
    cover = covering(person)
    with database.snapshot() as session:
        entries = list(vault.entries(session, [corpus.id for corpus in corpora], key))
    known = {entry.pseudonym for entry in entries}
    return sorted(
        (found & known) | {entry.pseudonym for entry in entries if cover(entry.value) != entry.value}
    )


@dataclass(frozen=True)
class _Count:
    documents: int = 0
    versions: int = 0
    chunks: int = 0


def _forget_in(
    corpus: Corpus, database: Database, cover: Cover, embed_of: EmbedOf, *, dry_run: bool
) -> _Count:
    total = _Count()
    with database.snapshot() as session:
        found = list(erasure.find(session, corpus.id, cover))
    for ids in _batched(found):
        with database.transaction() as session:
            stored = erasure.read(session, corpus.id, ids)
            chunks = _to_embed(stored, cover)
            if not dry_run:
                vectors = _embedded([text for _, text in chunks], corpus, embed_of)
                erasure.write(session, corpus.id, _covered(stored, cover, chunks, vectors, corpus.id))
                paragraphs.erase(session, corpus.id, _changed_paragraphs(stored, cover))
        changed = sum(cover(version.text) != version.text for one in stored for version in one.versions)
        total = replace(
            total,
            documents=total.documents + len(stored),
            versions=total.versions + changed,
            chunks=total.chunks + len(chunks),
        )
    return total


def _batched(ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    left = iter(ids)
    while part := list(islice(left, _DOCUMENTS_AT_ONCE)):
        yield part


def _to_embed(documents: Sequence[StoredDocument], cover: Cover) -> list[tuple[CoveredChunk, str]]:
    """The chunks that change, and what is to be embedded of them."""
    changed = []
    for document in documents:
        texts = {version.version: version.text for version in document.versions}
        for chunk in document.chunks:
            text = texts[chunk.version]
            before = text[chunk.start : chunk.end]
            # Cover the whole text first: what names the person may go over the end of a chunk.
            after = cover(text)[chunk.start : chunk.end]
            path = tuple(cover(title) for title in chunk.heading_path)
            if (after, path) != (before, chunk.heading_path):
                new = CoveredChunk(chunk.id, after, path, np.empty(0, np.float16), chunk.searchable)
                changed.append((new, search_text(path, after)))
    return changed


def _changed_paragraphs(documents: Sequence[StoredDocument], cover: Cover) -> list[int]:
    """The keys of paragraphs that tell of the person: a hash of few words can be guessed."""
    texts = [version.text for document in documents for version in document.versions]
    pieces = [(text[p.start : p.end], p.key) for text in texts for p in find_paragraphs(text)]
    return [key for piece, key in pieces if cover(piece) != piece]


def _embedded(texts: Sequence[str], corpus: Corpus, embed_of: EmbedOf) -> NDArray[np.float16]:
    if not texts:
        return np.empty((0, corpus.dimension), np.float16)
    return embed_of(corpus)(texts).astype(np.float16)


def _covered(
    documents: Sequence[StoredDocument],
    cover: Cover,
    chunks: Sequence[tuple[CoveredChunk, str]],
    vectors: NDArray[np.float16],
    corpus_id: int,
) -> list[CoveredDocument]:
    embedded = {
        chunk.id: replace(chunk, embedding=vector) for (chunk, _), vector in zip(chunks, vectors, strict=True)
    }
    done = []
    for document in documents:
        versions = tuple(
            StoredVersion(one.version, cover(one.title), cover(one.text)) for one in document.versions
        )
        newest = next(one.text for one in versions if one.version == document.version)
        bands = band_keys(signatures(shingle([newest])), corpus_id)[0].tolist()
        done.append(
            CoveredDocument(
                id=document.id,
                source=cover(document.source),
                title=cover(document.title),
                metadata=erasure.covered(document.metadata, cover),
                version=document.version,
                versions=versions,
                chunks=tuple(embedded[chunk.id] for chunk in document.chunks if chunk.id in embedded),
                bands=bands if document.has_signature else None,
            )
        )
    return done
