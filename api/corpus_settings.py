"""Changing what was chosen for a corpus."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from ingest.corpus_settings import CorpusSettings
from ingest.errors import CorpusSettingsError
from store import corpora
from store.index_log import lock_corpus
from store.types import Corpus


def change(session: Session, name: str, changes: Mapping[str, Any]) -> Corpus:
    """Change some settings of a corpus; the others stay. What is None gets its default, a whole subject too.

    Raises:
        UnknownCorpusError: There is no corpus of this name.
        CorpusSettingsError: A setting is unknown or has a value that cannot be used; nothing was changed.
    """
    lock_corpus(session, corpora.get(session, name).id)  # two changes at once must not undo each other
    corpus = corpora.get(session, name)
    merged = dict(corpus.settings)
    for subject, chosen in changes.items():
        if subject not in CorpusSettings.model_fields:
            known = ", ".join(CorpusSettings.model_fields)
            raise CorpusSettingsError(f"A corpus has no settings of {subject!r}. There are those of {known}.")
        merged[subject] = _merged(subject, merged.get(subject, {}), chosen)
    CorpusSettings.of(merged)
    for subject in changes:
        corpus = corpora.change_settings(session, name, subject, merged[subject] or None)
    return corpus


def _merged(subject: str, before: Mapping[str, Any], chosen: Any) -> dict[str, Any]:
    if chosen is None:
        return {}
    if not isinstance(chosen, Mapping):
        raise CorpusSettingsError(
            f"The settings of {subject!r} are an object such as {before or {'enabled': True}}, "
            f"not {chosen!r}."
        )
    return {key: value for key, value in {**before, **chosen}.items() if value is not None}
