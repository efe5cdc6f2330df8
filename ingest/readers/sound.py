"""Sound: what is said, recognised by a local model; passed over unless the settings name one.

The model is a folder as transformers saves speech recognition models (Whisper, wav2vec 2.0 and others).
"""

import mimetypes
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.readers.bytes import UnfitTextError
from ingest.readers.compose import Composer
from ingest.readers.document import ProblemKind, RawDocument, Reading, ReadOptions
from ingest.readers.packages import local_file, parsing

SOUND = "a recording"

_RATE_HZ = 16_000
"""What the known speech models hear."""
_PIECE_S = 28.0
_QUIET_S = 6.0
"""A piece ends at the quietest moment of its last seconds, so that few words are cut."""
_FRAME_S = 0.05

_Recogniser = Callable[[dict[str, Any]], dict[str, Any]]


def read_sound(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives what is said as one document; the place of each piece is its time."""
    if options.speech_model is None:
        reason = "recordings are passed over; to read what is said, set RAG_SPEECH_MODEL to a model's folder"
        raise UnfitTextError(ProblemKind.SKIPPED, reason)
    yield _read(path, options, options.speech_model, source, title)


def _read(path: Path, options: ReadOptions, model: Path, source: str, title: str) -> RawDocument:
    recogniser = _load(model)
    composer = Composer()
    with local_file(path, options) as local:
        for start_s, samples in _pieces(local):
            minutes, seconds = divmod(int(start_s), 60)
            composer.move_to(time=f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}")
            with parsing(SOUND):
                said = recogniser({"raw": samples, "sampling_rate": _RATE_HZ})
            composer.add(str(said.get("text") or ""), separator="\n")
            composer.check_size(options)
    media_type = mimetypes.guess_type(path.name.removesuffix(".gz"))[0] or "audio/*"
    return composer.document(source, title, media_type)


@lru_cache(maxsize=1)
def _load(model: Path) -> _Recogniser:
    """Returns the model, loaded once in a process.

    Raises UnfitTextError when the folder holds none.
    """
    reason = f"RAG_SPEECH_MODEL={str(model)!r} holds no speech recognition model; name the folder of one"
    if not (model / "config.json").is_file():
        raise UnfitTextError(ProblemKind.UNSUPPORTED, reason)
    from transformers import pipeline

    try:
        recogniser: _Recogniser = pipeline("automatic-speech-recognition", model=str(model), device="cpu")
    except (OSError, ValueError, KeyError) as error:
        raise UnfitTextError(ProblemKind.UNSUPPORTED, reason) from error
    return recogniser


def _pieces(path: Path) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """Gives pieces of at most 28 seconds with their starts: one channel, 16,000 samples a second."""
    import soundfile

    with parsing(SOUND):
        file = soundfile.SoundFile(path)
    with file:
        held = np.empty(0, np.float32)
        start_s = 0.0
        length = int(_PIECE_S * file.samplerate)
        while True:
            with parsing(SOUND):
                read = file.read(length - len(held), dtype="float32", always_2d=True).mean(axis=1)
            held = np.concatenate([held, read])
            end = len(held) if len(held) < length else _quietest(held, file.samplerate)
            if not end:
                return
            yield start_s, _resampled(held[:end], file.samplerate)
            start_s += end / file.samplerate
            held = held[end:]


def _quietest(samples: NDArray[np.float32], rate_hz: int) -> int:
    """Returns the place of the quietest moment in the last seconds."""
    frame = max(int(_FRAME_S * rate_hz), 1)
    first = len(samples) - int(_QUIET_S * rate_hz)
    frames = samples[first : first + (len(samples) - first) // frame * frame].reshape(-1, frame)
    loudness = np.square(frames).mean(axis=1)  # (frames,)
    return first + int(loudness.argmin()) * frame + frame // 2


def _resampled(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    from scipy.signal import resample_poly

    if rate_hz == _RATE_HZ:
        return samples
    common = int(np.gcd(rate_hz, _RATE_HZ))
    resampled: NDArray[np.float32] = resample_poly(samples, _RATE_HZ // common, rate_hz // common)
    return resampled.astype(np.float32)
