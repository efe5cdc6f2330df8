"""What can be chosen for each corpus about how its documents are brought in and indexed."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ingest.errors import CorpusSettingsError, PathPatternError
from ingest.personal.finding import Kind
from store.duplicates import DEFAULT_THRESHOLD
from store.index.analysis import ENGLISH, LANGUAGES


class Subject(BaseModel):
    """The settings of one subject; all have defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NearDuplicateSettings(Subject):
    """Whether documents that are nearly the same are indexed once, and from what similarity on."""

    enabled: bool = True
    threshold: float = Field(DEFAULT_THRESHOLD, ge=0.6, le=1)
    """Least Jaccard similarity of two texts' runs of five words."""


class AnonymizeSettings(Subject):
    """Which personal data become pseudonyms before anything is stored; none by default."""

    kinds: tuple[Kind, ...] = ()
    """Names need a model besides: see RAG_NAMES_MODEL."""
    phone_regions: tuple[str, ...] = ()
    """Countries, such as "DE", whose telephone numbers are recognised also without + and country code."""

    @field_validator("phone_regions")
    @classmethod
    def _check_regions(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        from phonenumbers import SUPPORTED_REGIONS

        unknown = [region for region in regions if region not in SUPPORTED_REGIONS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no country code; write e.g. DE, GB or US")
        return regions


class LabelSettings(Subject):
    """What is noted of documents beside what they say of themselves."""

    paths: tuple[str, ...] = ()
    """Patterns such as "reports/{department}/{year}/*.pdf"; the first that fits a path counts."""
    language: bool = False
    """Whether the language of each document is recognised, where its metadata do not have it."""

    @field_validator("paths")
    @classmethod
    def _check_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        from ingest.labels import PathPattern

        for pattern in patterns:
            try:
                PathPattern(pattern)
            except PathPatternError as error:
                raise ValueError(str(error)) from None
        return patterns


class QualitySettings(Subject):
    """What a text needs to be taken in; nothing by default."""

    min_characters: int = Field(0, ge=0)
    min_words: int = Field(0, ge=0)
    max_symbol_share: float = Field(1.0, ge=0, le=1)
    """Share of visible characters that are neither letters nor digits."""
    max_repetition: float = Field(1.0, ge=0, le=1)
    """Share of runs of three words that stood in the text before."""

    @property
    def is_asked_for(self) -> bool:
        """Whether any text could be refused."""
        return self != QualitySettings()


class BoilerplateSettings(Subject):
    """When a paragraph that documents share is left out of the chunks of all but one of them."""

    enabled: bool = True
    min_documents: int = Field(50, ge=2)
    min_share: float = Field(0.2, ge=0, le=1)
    """Of the documents of the corpus."""


class KeywordSettings(Subject):
    """How the keyword index reads the texts; a change makes it anew."""

    language: str = ENGLISH
    """What words are reduced to their stems in; "none" for no stems."""

    @field_validator("language")
    @classmethod
    def _check_language(cls, language: str) -> str:
        if language not in LANGUAGES:
            raise ValueError(f"choose one of {', '.join(LANGUAGES)}")
        return language


class CorpusSettings(BaseModel):
    """All that can be chosen; what is not chosen has its default.

    Other subjects may stand beside these in the stored settings: they are not ours.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    near_duplicates: NearDuplicateSettings = NearDuplicateSettings()
    anonymize: AnonymizeSettings = AnonymizeSettings()
    labels: LabelSettings = LabelSettings()
    quality: QualitySettings = QualitySettings()
    boilerplate: BoilerplateSettings = BoilerplateSettings()
    keywords: KeywordSettings = KeywordSettings()

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Reads stored settings.

        Raises:
            CorpusSettingsError: A setting is unknown or has a value that cannot be used.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            raise CorpusSettingsError(" ".join(_complaint(found) for found in error.errors())) from None


def _complaint(found: Any) -> str:
    name = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        subject = str(found["loc"][0])
        annotation = CorpusSettings.model_fields[subject].annotation
        known = annotation.model_fields if annotation is not None else ()
        return (
            f"A corpus has no setting {name!r}. There are {', '.join(f'{subject}.{key}' for key in known)}."
        )
    return f"The corpus setting {name}={found['input']!r} cannot be used: {found['msg']}."
