"""What makes the documents of a corpus anonymous, put together from its settings and the application's."""

from typing import TYPE_CHECKING

from api.vault import needed_vault_key
from ingest.corpus_settings import CorpusSettings
from ingest.personal.finding import Kind
from store import vault
from store.types import Corpus

if TYPE_CHECKING:
    from api.build import Application
    from ingest.anonymize import Anonymizer


def anonymizer_of(application: "Application", corpus: Corpus) -> "Anonymizer | None":
    """What finds the personal data that the corpus is to be without; None where it may have all.

    Raises:
        CorpusSettingsError: A setting of the corpus cannot be used.
        SettingsError: The vault's key cannot be read; or names are to be found, and no model is set.
        VaultKeyError: The key is missing, or is another than the one that the vault was filled with.
        NamesModelError: The model cannot be used.
    """
    chosen = CorpusSettings.of(corpus.settings).anonymize
    if not chosen.kinds:
        return None
    from ingest.anonymize import Anonymizer, recognisers

    key = needed_vault_key(application.settings, f"Corpus {corpus.name!r}, which is anonymised,")
    with application.database.transaction() as session:
        vault.check_key(session, key)
    names = application.name_recogniser if Kind.NAME in chosen.kinds else None
    return Anonymizer(recognisers(chosen.kinds, phone_regions=chosen.phone_regions, names=names), key)
