import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from api.encoders import SharedEncoder
from api.settings import shipped_scorer
from rag.encoder import Encoder
from rag.errors import CheckpointError, DataError, TrainingError
from rag.evaluation.groundedness import auc, evaluate_groundedness, figures
from rag.scoring import checkpoint
from rag.scoring.calibration import Calibration, calibrate
from rag.scoring.data import Claim, read_claims, split_claims
from rag.scoring.features import FEATURES, Lexicon
from rag.scoring.groundedness import VERBATIM, GroundednessScorer
from rag.scoring.judge import SentenceJudge
from rag.scoring.model import Scorer, ScorerConfig
from rag.scoring.negatives import Shares, exchange, find_cues, make_claims
from rag.scoring.pairs import PairReader, collate
from rag.scoring.train import ScorerSettings, train

SMALL = ScorerConfig(layers=1, window=32, claim_tokens=12)
SKY = "The Eiffel Tower in Paris was opened in 1889 and is 330 metres high."


def claim(
    number: int, supported: bool = True, evidence: str = SKY, text: str = "The tower is high."
) -> Claim:
    return Claim(f"c{number}", "made", evidence, text, supported)


def write(path: Path, claims: list[Claim]) -> Path:
    with gzip.open(path, "wt") as file:
        for c in claims:
            record = {"id": c.id, "evidence": c.evidence, "claim": c.text, "supported": c.supported}
            file.write(json.dumps(record) + "\n")
    return path


def test_a_judge_tells_a_question_that_its_sentence_bears_out() -> None:
    encoder = SharedEncoder(Encoder())
    scorer = GroundednessScorer(shipped_scorer())
    judge = SentenceJudge(scorer, encoder.begin, encoder.revision)
    sentence = "Rivers of Europe\nThe Rhine flows through Cologne into the North Sea."
    fits, misses = judge.judge(
        [("Into which sea does the Rhine flow?", sentence), ("Who built the tower of Pisa?", sentence)]
    )
    assert fits.borne > misses.borne + 1 and fits.nearness > misses.nearness + 0.2
    assert judge.version == f"{scorer.version}-{encoder.revision[:12]}"
    assert judge.judge([]) == []


def test_claims_are_read_with_brackets_as_people_write_them(tmp_path: Path) -> None:
    path = write(tmp_path / "made.jsonl.gz", [claim(1, evidence="A -LRB- old -RRB- tower .")])
    [read] = read_claims(path)
    assert (read.evidence, read.source, read.supported) == ("A ( old ) tower .", "made.jsonl", True)


@pytest.mark.parametrize("line", ["{}", '{"id": 1, "evidence": "a", "claim": "b", "supported": "yes"}', "no"])
def test_line_that_is_no_claim_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text(line)
    with pytest.raises(DataError, match="line 1"):
        read_claims(path)


def test_claims_on_one_evidence_are_held_out_together() -> None:
    claims = [claim(i, evidence=f"Text {i // 3}.") for i in range(300)]
    split = split_claims(claims, 0.3, seed=1)
    assert not {c.evidence for c in split.train} & {c.evidence.upper().lower() for c in split.dev}
    assert 50 < len(split.dev) < 130
    assert split_claims(claims, 0.3, seed=1) == split


def test_synthetic_claims_are_marked_and_false_but_for_copies() -> None:
    supported = [claim(i, evidence=f"Town {i} was founded in {1800 + i} by Adam Smith and Eve Jones there.",
                       text=f"Town {i} was founded in {1800 + i}.") for i in range(40)]  # fmt: skip
    made = make_claims([*supported, claim(99, False)], Shares(1, 1, 1, 1), random.Random(0))
    assert all(c.synthetic for c in made)
    assert {c.label for c in made if not c.supported} >= {
        "exchanged",
        "moved",
        "extended",
        "copied-exchanged",
    }
    assert all(c.text in c.evidence for c in made if c.supported)
    assert all(c.text not in c.evidence for c in made if c.label.endswith("exchanged"))


def test_exchange_takes_a_number_for_a_number() -> None:
    cues = find_cues([claim(1), claim(2, evidence="It opened in 1925 there.")])
    changed = {exchange("It was opened in 1889.", SKY, cues, random.Random(seed)) for seed in range(9)}
    assert changed == {"It was opened in 1925."}
    assert exchange("It was opened.", SKY, cues, random.Random(0)) is None


def test_features_tell_copied_from_foreign_words() -> None:
    lexicon = Lexicon()
    copied, foreign = (lexicon.features(SKY, text) for text in ("was opened in 1889", "my cat eats 12 mice?"))
    assert len(copied) == FEATURES
    assert copied[:3] == [1, 1, 1]
    assert foreign[:3] == [0, 0, 0]
    assert foreign[5:8] == [1, 1, 1]  # it speaks of its speaker, has a number of its own, and asks
    assert lexicon.lexical_support(SKY, "The towers are opening.") == 1  # by stems


def test_long_evidence_is_read_in_windows_that_overlap() -> None:
    reader = PairReader(SMALL)
    [short], long = reader.read([("A tower.", "High."), ("tower " * 60, "High.")])
    assert len(short.ids) < SMALL.window
    assert len(long) > 3
    assert all(len(w.ids) <= SMALL.window for w in long)
    evidence = [w.ids[w.claim_length : -1] for w in long]
    assert sum(map(len, evidence)) > 60
    assert all(evidence)


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    model = Scorer(SMALL).eval()
    windows = [
        w[0] for w in PairReader(SMALL).read([(SKY, "High."), ("A tower in Paris.", "It is a tower.")])
    ]
    with torch.no_grad():
        together = model(*vars(collate(windows)).values())
        alone = torch.cat([model(*vars(collate([w])).values()) for w in windows])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_weights_that_are_laid_out_say_the_same() -> None:
    torch.manual_seed(0)
    model = Scorer(SMALL).eval()
    read = PairReader(SMALL).read([(SKY, "High."), ("A tower in Paris.", "It is a tower."), (SKY, "Low.")])
    batch = vars(collate([windows[0] for windows in read])).values()
    with torch.inference_mode():
        plain = model(*batch)
        model.lay_out()
        torch.testing.assert_close(model(*batch), plain, rtol=1e-4, atol=1e-5)


def saved(folder: Path) -> Path:
    torch.manual_seed(0)
    description = {"calibration": {"weight": 1.0, "bias": 0.0, "threshold": 0.5}}
    checkpoint.save(checkpoint.warm_start(SMALL), folder, description)
    return folder


def test_scorer_that_was_saved_scores_the_same_whatever_stands_beside(tmp_path: Path) -> None:
    scorer = GroundednessScorer(saved(tmp_path))
    pairs = [(SKY, "The tower is in Paris."), ("tower " * 60, "The tower is old."), (SKY, "Eiffel built it.")]
    together = scorer.score(pairs)
    again = GroundednessScorer(tmp_path)
    assert [again.score([pair])[0] for pair in pairs] == pytest.approx(together, abs=1e-5)
    assert again.version == scorer.version
    assert scorer.score([]) == []


def test_words_alone_bound_the_probability(tmp_path: Path) -> None:
    scorer = GroundednessScorer(saved(tmp_path))
    copied, foreign, none = scorer.score([(SKY, "opened in 1889"), (SKY, "Cats purr."), ("", "Cats purr.")])
    assert copied >= VERBATIM
    assert max(foreign, none) <= 1 - VERBATIM


def test_scorer_without_calibration_or_of_another_shape_is_refused(tmp_path: Path) -> None:
    checkpoint.save(checkpoint.warm_start(SMALL), tmp_path, {})
    with pytest.raises(CheckpointError, match="train-scorer"):
        GroundednessScorer(tmp_path)
    with pytest.raises(CheckpointError, match="windows"):
        ScorerConfig.from_dict({**SMALL.to_dict(), "windows": 1})


def test_damaged_scorer_is_refused(tmp_path: Path) -> None:
    checkpoint.save(checkpoint.warm_start(SMALL), tmp_path, {})
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        checkpoint.load(tmp_path)


def test_training_learns_stops_and_calibrates(tmp_path: Path) -> None:
    claims = []
    for i in range(80):
        evidence = f"The tower of town {i} is red and old."
        text = "The tower is red." if i % 2 else "My cats purr at noon in 1999."
        claims.append(claim(i, bool(i % 2), evidence, text))
    file = write(tmp_path / "made-train.jsonl.gz", claims)
    settings = ScorerSettings(
        (file,), tmp_path / "out", max_steps=6, batch_tokens=300, dev_every=3, held_out=0.3, config=SMALL,
        shares_of_files={"made-train": 2.5}, head_learning_rate=0.05, shares=Shares(0, 0, 0, 0),
    )  # fmt: skip
    described = train(settings, lambda progress: None, {"commit": "x"})
    assert described["dev"]["made-train"]["auc"] > 0.9  # the words tell it
    assert described["data"][0]["name"] == "made-train.jsonl.gz"
    assert not (tmp_path / "out" / "resume.pt").exists()
    scorer = GroundednessScorer(tmp_path / "out")
    told: list[float] = []
    report = evaluate_groundedness([file], scorer, lambda name, c, p: told.append(p), limit=50)
    assert report["sets"]["made-train"]["n"] == len(told) == 50
    assert report["sets"]["made-train"]["auc"] > 0.9


def test_probability_is_fitted_to_what_is_seen() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 4000)
    labels = rng.random(4000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    found = calibrate({"made": logits.tolist()}, {"made": labels.tolist()})
    assert (found.weight, found.bias) == pytest.approx((0.5, -1), abs=0.12)
    assert found.threshold == pytest.approx(labels.mean())
    assert 0 < Calibration(5, 0, 0.5).probability(-1e9) < 1e-6
    with pytest.raises(TrainingError, match="both kinds"):
        calibrate({"made": [0.1, 0.2]}, {"made": [True, True]})


def test_figures_as_worked_by_hand() -> None:
    found = figures([0.9, 0.8, 0.4, 0.3, 0.8], [True, True, True, False, False], 0.5)
    # recalls 2/3 and 1/2; f1 = 2·2 / (3 + 3); pairs won 1 + 1 + ½ + 1 + … = (1 + 1) + (1 + ½) + (1 + 0) of 6
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["auc"] == pytest.approx(4.5 / 6)
    # bins: 0.9 (1 of 1), 0.8 twice (1 of 2), 0.4 (1), 0.3 (0): gaps 0.1, 0.6, 0.6, 0.3
    assert found["calibration_error"] == pytest.approx((0.1 + 0.6 + 0.6 + 0.3) / 5)
    assert auc(np.array([0.5]), np.array([True])) is None
    assert "auc" not in figures([0.5], [True], 0.5)
