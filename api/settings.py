"""What can be set, by environment variables or a TOML file; `docs/settings.md` lists it for users."""

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

SETTINGS_FILE = "RAG_SETTINGS_FILE"
"""Environment variable that names a TOML file with settings; what the environment sets goes before it."""


OTHER_GENERATORS = ("hf:", "openai:")
"""How the names of generators that are no checkpoints begin."""


class SettingsError(Exception):
    """A setting has a value that cannot be used, or the settings file cannot be read."""


def default_data_dir() -> Path:
    """The folder for data when none is given: `$XDG_DATA_HOME/groundwork` or `~/.local/share/groundwork`."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "groundwork"


def shipped_checkpoint() -> Path:
    """The folder of the generator that comes with the package."""
    return Path(__file__).resolve().parent.parent / "rag" / "checkpoints" / "default"


def shipped_scorer() -> Path:
    """The folder of the scorer that comes with the package."""
    return shipped_checkpoint().with_name("scorer")


def _path_as_text(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


class Settings(BaseSettings):
    """All settings, checked; each is read from `RAG_` and its name in capitals, or a file."""

    model_config = SettingsConfigDict(
        env_prefix="RAG_", env_ignore_empty=True, frozen=True, extra="forbid", validate_default=False
    )

    database_url: SecretStr | None = None
    """Address of PostgreSQL; None starts the embedded server in `data_dir`."""
    data_dir: Path = Field(default_factory=default_data_dir)
    """Where the embedded database, index snapshots and uploads in progress are kept."""
    encoder: str = "all-MiniLM-L6-v2"
    """Name or folder of the sentence-transformers model that embeds."""
    encoder_precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """What it computes in; auto is bfloat16 where the processor does."""
    generator: Annotated[str, BeforeValidator(_path_as_text)] = Field(
        default_factory=lambda: str(shipped_checkpoint())
    )
    """What answers: a checkpoint's folder, `hf:FOLDER` of a language model, or `openai:URL#MODEL`."""
    other_generators: dict[str, Annotated[str, BeforeValidator(_path_as_text)]] = Field(default_factory=dict)
    """Names and generators that logged questions can be asked again of."""
    generator_api_key: SecretStr | None = None
    """Key for the service of an `openai:` generator."""
    generator_timeout_s: float = Field(60.0, gt=0, le=3600)
    """How long an answer of an `openai:` generator may take."""
    generator_precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """What a checkpoint reads passages in; auto is bfloat16 where the processor computes in it."""
    generator_pruning: bool = True
    """Whether a checkpoint that can leaves passages that promise little unread."""
    scorer: Path | None = Field(default_factory=shipped_scorer)
    """The checkpoint that judges groundedness; `none`: words alone do."""
    keyword_engine: Literal["tantivy", "rank-bm25"] = "tantivy"
    """What keyword indexes are made with."""
    vector_recall: float = Field(0.99, ge=0.5, le=1)
    """Share of the nearest vectors that a search in cells has to find; 1: search is always exact."""
    vector_exact_below: int = Field(20_000, ge=1_000)
    """Up to so many vectors search is exact."""
    vector_device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where vectors are searched; auto is a GPU where there is one."""
    follow_ups: Literal["rules", "generator"] = "rules"
    """What makes follow-up questions stand alone; `generator` needs one that is a language model."""
    fusion: Literal["weighted", "rrf"] = "weighted"
    """How keyword and vector rankings are made into one."""
    reranker: str = "generator"
    """What reranks: `generator` for its relevance head, or the folder of a cross-encoder."""
    rerank_budget_ms: int = Field(1_000, ge=1, le=60_000)
    """How long reranking may take; hits that were not read in that time keep their order."""
    host: str = "127.0.0.1"
    """Address that the server listens on."""
    port: int = Field(8000, ge=0, le=65535)
    """Port that the server listens on; 0 takes a free one."""
    share_port: bool = False
    """Whether other servers may listen on the same address and port, each taking its share of connections."""
    tls_cert: Path | None = None
    """File with the certificate, and those between it and the root, that the server shows; None: no TLS."""
    tls_key: Path | None = None
    """File with the certificate's private key."""
    refresh_interval_s: float = Field(0.5, gt=0, le=3600)
    """How often a running server looks for changes that other processes made."""
    warm_up: float = Field(0.5, ge=0, le=1)
    """Share of the free memory that a server fills after its start with what will be asked for; 0: none."""
    max_upload_bytes: int = Field(50_000_000, ge=1)
    """The largest request body, and with it the largest upload."""
    concurrent_jobs: int = Field(4, ge=0, le=64)
    """How many jobs a server works on in turns; 0: none, other servers or the command line do."""
    job_folders: tuple[Path, ...] = ()
    """Folders of the server whose files callers may have ingested; empty: only what they send."""
    document_timeout_s: float = Field(300.0, gt=0, le=86400)
    """How long an ingestion waits for the next document of a file before it gives the file up."""
    reader_memory_bytes: int = Field(4_000_000_000, ge=200_000_000)
    """How much memory the process that reads documents may allocate."""
    max_input_characters: int = Field(2_000_000_000, ge=1)
    """How much text one file of an ingestion may give, with all that is packed in it."""
    tesseract: str = "tesseract"
    """The program that recognises the text of scanned pages: a name or a path."""
    ocr_languages: str = Field("eng", pattern=r"^[A-Za-z0-9_/-]+(\+[A-Za-z0-9_/-]+)*$")
    """The languages of scanned pages, as Tesseract names them, joined by `+`."""
    read_images: bool = False
    """Whether pictures are read, by Tesseract too."""
    speech_model: Path | None = None
    """Folder of the speech recognition model that reads recordings; None passes them over."""
    threads: int | None = Field(None, ge=1, le=1024)
    """Processor threads for the models; None takes one per core that this process may use."""
    concurrent_answers: int = Field(8, ge=1, le=64)
    """How many questions the generator answers together."""
    waiting_answers: int = Field(32, ge=0, le=10_000)
    """How many more questions may wait for the generator; one more is refused at once."""
    busy_after_s: float = Field(60.0, gt=0, le=3600)
    """How long a question waits for its turn before the server says that it is busy."""
    stop_s: float = Field(30.0, ge=0, le=3600)
    """How long a server that is stopped goes on with the requests that it has."""
    silent_after_s: float = Field(30.0, gt=0, le=3600)
    """After how much silence in the middle of a request or response a connection is closed."""
    keep_alive_s: int = Field(75, ge=1, le=3600)
    """How long a connection may rest between two requests."""
    heartbeat_s: float = Field(15.0, gt=0, le=3600)
    """How long a streamed answer may be silent before a heartbeat is sent."""
    stream_grace_s: float = Field(5.0, ge=0, le=600)
    """How long the work on a streamed answer goes on after its client was lost."""
    stream_kept_s: float = Field(60.0, ge=0, le=3600)
    """How long a streamed answer can be read again after its end."""
    vault_key: SecretStr | None = None
    """Secret that makes pseudonyms and opens the vault; needed where a corpus is anonymised."""
    vault_key_file: Path | None = None
    """File with that secret, in its place."""
    requests_per_minute: int | None = Field(None, ge=1)
    """How many requests a key, or somebody who is logged in, may send a minute; None: any number."""
    answers_per_day: int | None = Field(None, ge=1)
    """How many questions a user may ask a day."""
    ingested_bytes_per_day: int | None = Field(None, ge=1)
    """How much a user may send for ingestion a day."""
    failed_authentications_per_minute: int = Field(120, ge=1)
    """How many requests with wrong keys or logins may come from an address a minute."""
    login_hours: float = Field(12.0, gt=0, le=8760)
    """How long a login in a browser lasts."""
    encryption_key: SecretStr | None = None
    """Secret that what was asked and answered is encrypted with; None leaves it as it is."""
    encryption_key_file: Path | None = None
    """File with that secret, in its place."""
    names_model: Path | None = None
    """Folder of the token-classification model that finds names of persons; None finds none."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = None
    """What is logged; None means INFO for the server and WARNING for all other commands."""
    log_format: Literal["text", "json"] = "text"
    """What a line of the log looks like."""
    metrics: Literal["off", "key", "open"] = "key"
    """Who gets `/metrics`: nobody, whoever has a key with the role reviewer, or everybody."""
    otlp_endpoint: str | None = Field(None, pattern=r"^https?://.+")
    """Where traces are sent (OTLP over HTTP); None: nowhere, unless OpenTelemetry's variables say so."""

    @field_validator("scorer", mode="before")
    @classmethod
    def _no_scorer(cls, value: object) -> object:
        return None if value == "none" else value

    @field_validator("follow_ups")
    @classmethod
    def _rewritten_by(cls, value: str, others: ValidationInfo) -> str:
        if value == "generator" and not str(others.data.get("generator", "")).startswith(OTHER_GENERATORS):
            raise ValueError("it needs a language model as RAG_GENERATOR (hf: or openai:)")
        return value

    @property
    def checkpoint(self) -> Path:
        """The folder of the checkpoint that answers.

        Raises:
            SettingsError: Another kind of generator is set.
        """
        if self.generator.startswith(OTHER_GENERATORS):
            raise SettingsError(
                f"RAG_GENERATOR={self.generator!r} is no checkpoint, which is needed here. Give a folder."
            )
        return Path(self.generator)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line goes before the environment, the environment before the settings file."""
        path = os.environ.get(SETTINGS_FILE)
        if not path:
            return init_settings, env_settings
        if not Path(path).is_file():
            raise SettingsError(f"{SETTINGS_FILE} names {path!r}, which is no file. Correct or unset it.")
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)


def load_settings(**given: Any) -> Settings:
    """Read the settings; `given` goes before environment and file, except where it is None.

    Raises:
        SettingsError: A value cannot be used, or the settings file cannot be read.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise SettingsError(" ".join(_complaint(found) for found in error.errors())) from None
    except (OSError, ValueError) as error:  # the settings file is unreadable, or no TOML
        raise SettingsError(
            f"{SETTINGS_FILE}={os.environ.get(SETTINGS_FILE)!r} cannot be read: {error}. Correct or unset it."
        ) from None


def _complaint(found: Any) -> str:
    name = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        near = get_close_matches(name.removeprefix("rag_"), Settings.model_fields, 1)
        meant = f"Did you mean {near[0]!r}? " if near else ""
        return f"There is no setting {name!r}. {meant}Known settings: {', '.join(Settings.model_fields)}."
    shown = "" if name in ("database_url", "vault_key", "encryption_key") else f"={found['input']!r}"
    return f"RAG_{name.upper()}{shown} cannot be used: {found['msg']}. See docs/settings.md."
