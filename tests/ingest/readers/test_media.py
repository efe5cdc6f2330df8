import json
import stat
import wave
from pathlib import Path

import numpy as np
import pytest

from ingest.readers import ProblemKind, RawDocument
from ingest.readers.sound import _pieces, _quietest
from tests.ingest.readers.conftest import Read, only_document, only_problem


@pytest.fixture
def program(tmp_path: Path) -> str:
    """Stands in for Tesseract."""
    path = tmp_path / "recognise"
    path.write_text("#!/bin/sh\ncat\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_pictures_are_passed_over_until_they_are_switched_on(read_bytes: Read, program: str) -> None:
    problem = only_problem(read_bytes("a.png", "in the picture"))
    assert problem.kind == ProblemKind.SKIPPED
    assert "RAG_READ_IMAGES" in problem.reason
    document = only_document(read_bytes("a.png", "in the picture", read_images=True, tesseract=program))
    assert (document.text, document.media_type) == ("in the picture", "image/png")


def test_picture_without_tesseract_says_what_to_install(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.png", "x", read_images=True, tesseract="no-such-program"))
    assert (problem.kind, "install Tesseract" in problem.reason) == (ProblemKind.SCANNED, True)


def test_failing_recognition_repeats_what_the_program_says(read_bytes: Read, tmp_path: Path) -> None:
    path = tmp_path / "fails"
    path.write_text("#!/bin/sh\necho no such language >&2\nexit 1\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    problem = only_problem(read_bytes("a.png", "x", read_images=True, tesseract=str(path)))
    assert "no such language" in problem.reason


def recording(path: Path, seconds: float, rate_hz: int = 16_000) -> Path:
    samples = np.sin(np.arange(int(seconds * rate_hz)) / 5) * 10_000
    quiet = slice(25 * rate_hz, int(25.2 * rate_hz))
    samples[quiet] = 0
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def test_recordings_are_passed_over_without_a_model(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.wav", "RIFF"))
    assert (problem.kind, "RAG_SPEECH_MODEL" in problem.reason) == (ProblemKind.SKIPPED, True)


def test_pieces_of_a_recording_end_where_it_is_quiet(tmp_path: Path) -> None:
    (first_s, first), (second_s, second) = _pieces(recording(tmp_path / "a.wav", 40))
    assert first_s == 0
    assert 25 <= second_s <= 25.2
    assert len(first) + len(second) == pytest.approx(40 * 16_000, abs=2)


def test_quietest_moment_is_found() -> None:
    samples = np.ones(1_000, np.float32)
    samples[700:760] = 0
    assert 700 <= _quietest(samples, 100) < 760


def test_folder_without_a_model_is_named(tmp_path: Path, read_bytes: Read) -> None:
    content = recording(tmp_path / "b.wav", 1).read_bytes()
    problem = only_problem(read_bytes("a.wav", content, speech_model=tmp_path))
    assert (problem.kind, str(tmp_path) in problem.reason) == (ProblemKind.UNSUPPORTED, True)


@pytest.mark.slow
def test_recording_is_read_by_a_local_model(tmp_path: Path, read_bytes: Read) -> None:
    content = recording(tmp_path / "b.wav", 30, rate_hz=8_000).read_bytes()
    document = only_document(read_bytes("a.wav", content, speech_model=tiny_model(tmp_path / "model")))
    assert isinstance(document, RawDocument)
    assert set(document.text) <= set("AB \n")
    assert document.places[0].facts == {"time": "00:00:00"}


def tiny_model(folder: Path) -> Path:
    """A speech recognition model that was never trained: it hears letters in everything."""
    import torch
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2CTCTokenizer,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForCTC,
        Wav2Vec2Processor,
    )

    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps({"<pad>": 0, "<unk>": 1, "|": 2, "A": 3, "B": 4}))
    tokenizer = Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), pad_token="<pad>", unk_token="<unk>")
    torch.manual_seed(7)
    config = Wav2Vec2Config(
        vocab_size=5, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8, 8), conv_stride=(40, 8), conv_kernel=(40, 8), num_feat_extract_layers=2,
        num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    model = Wav2Vec2ForCTC(config)
    with torch.no_grad():
        model.lm_head.bias.copy_(torch.tensor([-5.0, -5.0, 0.0, 1.0, 1.0]))
    model.save_pretrained(folder)
    Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), tokenizer).save_pretrained(folder)
    return folder
