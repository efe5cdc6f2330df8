"""The encoders that stand in for MiniLM in large measurements."""

from pathlib import Path

import numpy as np

from bench.encoder_pair import SAMPLE, write_pair
from rag.encoder import Encoder


def test_both_encoders_give_the_same_vectors_and_one_has_six_layers(tmp_path: Path) -> None:
    write_pair(tmp_path, window=64)
    cheap, full = Encoder(str(tmp_path / "cheap")), Encoder(str(tmp_path / "full"))
    assert np.allclose(cheap.encode(SAMPLE), full.encode(SAMPLE), atol=1e-6)
    assert (cheap.window, full.window) == (64, 64)
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("cheap", "full")]
    assert sizes[1] - sizes[0] > 6 * 7e6  # bytes of six layers
    assert cheap.revision != full.revision
