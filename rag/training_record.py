"""Which sequences of words a checkpoint was trained on, as hashes beside its weights.

`training-data.hashes` is a line of JSON (what it was made of) and the hashes, 30 bits each, sorted, as the
differences of neighbours, compressed: about ten bits a sequence. Of a sequence that is not there, one in
2^30 / (how many there are) is taken for one that is: one in 360 of three million. No text can be read from
it, but whoever guesses three words can see whether they probably were there.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from rag.errors import CheckpointError
from rag.generator.checkpoint import write_whole
from rag.sequences import N

FILE = "training-data.hashes"
FORMAT = 1
BITS = 30
LEVEL = 19
MEND = "make it again with `rag record-data`"


@dataclass(frozen=True)
class TrainedFile:
    """A file that was trained on."""

    name: str
    sha256: str


@dataclass(frozen=True)
class TrainingRecord:
    """The hashes of every sequence of words in some files, `(n,) uint32`, each once, in order."""

    files: tuple[TrainedFile, ...]
    hashes: NDArray[np.uint32]

    @property
    def digest(self) -> str:
        """What tells this record from others: of the files that it was made of."""
        told = json.dumps([FORMAT, N, BITS, sorted(file.sha256 for file in self.files)])
        return hashlib.sha256(told.encode()).hexdigest()[:8]

    def held(self, sequences: Iterable[str]) -> set[str]:
        """Those of the sequences that were trained on."""
        wanted = list(sequences)
        if not len(self.hashes):
            return set()
        asked = hashes_of(wanted)
        places = np.minimum(np.searchsorted(self.hashes, asked), len(self.hashes) - 1)
        return {s for s, known in zip(wanted, self.hashes[places] == asked, strict=True) if known}

    def lacking(self, description: Mapping[str, Any]) -> list[str]:
        """The names of the files that a checkpoint says it was trained on and that are not in this record."""
        here = {file.sha256 for file in self.files}
        return sorted({file.name for file in files_behind(description) if file.sha256 not in here})


def hashes_of(sequences: Collection[str]) -> NDArray[np.uint32]:
    """The hash of each sequence, `(n,) uint32`."""
    digests = b"".join(hashlib.blake2b(s.encode(), digest_size=4).digest() for s in sequences)
    return (np.frombuffer(digests, "<u4") >> (32 - BITS)).astype(np.uint32)


def files_behind(description: Mapping[str, Any]) -> list[TrainedFile]:
    """The files that a checkpoint's description names: its own, and those of what it was averaged from."""
    runs = (description, *description.get("averaged", ()))
    sources = [source for run in runs for source in (run.get("settings") or {}).get("sources", ())]
    return list(dict.fromkeys(TrainedFile(source["name"], source["sha256"]) for source in sources))


def join(records: Sequence[TrainingRecord]) -> TrainingRecord:
    """One record of all that several have."""
    files = {file.sha256: file for record in records for file in record.files}
    hashes = np.concatenate([np.empty(0, np.uint32), *(record.hashes for record in records)])
    return TrainingRecord(tuple(files.values()), np.unique(hashes))


def save(record: TrainingRecord, folder: Path) -> Path:
    """Write a record beside a checkpoint; the file appears whole or not at all.

    Raises:
        CheckpointError: it could not be written; what was there before is still there.
    """
    steps = np.diff(record.hashes, prepend=np.uint32(0)).astype("<u4")
    # Bytes of the same weight stand together: the higher ones are nearly all zero.
    planes = steps.view(np.uint8).reshape(-1, 4).T.tobytes()
    packed = zstandard.ZstdCompressor(level=LEVEL).compress(planes)
    head = {
        "format": FORMAT,
        "words": N,
        "bits": BITS,
        "sequences": len(record.hashes),
        "files": [asdict(file) for file in record.files],
        "sha256": hashlib.sha256(packed).hexdigest(),
    }
    path = folder / FILE
    try:
        write_whole(path, lambda partial: partial.write_bytes(json.dumps(head).encode() + b"\n" + packed))
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error}") from error
    return path


def load(folder: Path) -> TrainingRecord | None:
    """Read the record beside a checkpoint; None where there is none.

    Raises:
        CheckpointError: it is damaged, or of another version.
    """
    path = folder / FILE
    try:
        first, _, packed = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"the record {path} cannot be read: {error}") from error
    try:
        head = json.loads(first)
        count = head["sequences"]
        if (head["format"], head["words"], head["bits"]) != (FORMAT, N, BITS):
            raise CheckpointError(f"the record {path} is of another version: {MEND}")
        if hashlib.sha256(packed).hexdigest() != head["sha256"]:
            raise CheckpointError(f"the record {path} is damaged: {MEND}")
        files = tuple(TrainedFile(**file) for file in head["files"])
        planes = np.frombuffer(zstandard.ZstdDecompressor().decompress(packed), np.uint8)
        steps = np.ascontiguousarray(planes.reshape(4, count).T).view("<u4")[:, 0]
    except (ValueError, KeyError, TypeError, zstandard.ZstdError) as error:
        raise CheckpointError(f"the record {path} is damaged ({type(error).__name__}): {MEND}") from error
    return TrainingRecord(files, np.cumsum(steps, dtype=np.uint32))
