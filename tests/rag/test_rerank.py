from collections.abc import Sequence
from pathlib import Path

import pytest

from rag.errors import RerankerError
from rag.generator.passages import Passage
from rag.retriever.rerank import BATCH, CrossEncoderReranker, mix, relevance_in_time


class Ticking:
    """A reranker that takes 0.1 s for each batch, on a clock of its own."""

    name = "ticking"

    def __init__(self) -> None:
        self.now = 0.0
        self.batches: list[int] = []

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        self.now += 0.1
        self.batches.append(len(passages))
        return [float(p.text) for p in passages]


def score(budget_ms: float, passages: int = 50) -> tuple[list[float], Ticking]:
    reranker = Ticking()
    found = relevance_in_time(
        reranker, "q", [Passage(str(n)) for n in range(passages)], budget_ms, lambda: reranker.now
    )
    return found, reranker


def test_all_are_scored_while_there_is_time() -> None:
    found, reranker = score(10_000)
    assert found == [float(n) for n in range(50)]
    assert sum(reranker.batches) == 50


def test_the_first_are_scored_when_time_is_short() -> None:
    found, reranker = score(250)
    assert found == [float(n) for n in range(2 * BATCH)]
    assert reranker.now <= 0.25


def test_the_first_batch_is_scored_in_any_case() -> None:
    assert len(score(1)[0]) == BATCH
    assert score(1, passages=0)[0] == []


def test_the_order_comes_from_fused_score_and_relevance() -> None:
    # Scaled to 0 … 1 the fused scores are 1, 0.5 and 0; the relevance counts half.
    placed = mix([8.0, 6.0, 4.0], [0.0, 0.9, 1.0], 0.5)
    assert [(p.number, p.relevance) for p in placed] == [(0, 0.0), (1, 0.9), (2, 1.0)]
    assert [p.final for p in placed] == pytest.approx([1.0, 0.95, 0.5])
    assert [p.number for p in mix([8.0, 6.0, 4.0], [0.0, 0.9, 1.0], 2.0)] == [1, 2, 0]


def test_what_was_not_scored_is_not_placed() -> None:
    assert [p.number for p in mix([8.0, 6.0, 4.0], [0.1, 0.9], 1.0)] == [1, 0]
    assert mix([1.0], [], 1.0) == []


def test_without_weight_the_fused_order_stays() -> None:
    assert [p.number for p in mix([3.0, 3.0, 1.0], [0.1, 0.9, 1.0], 0.0)] == [0, 1, 2]


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder with random weights, one layer deep, that reads MiniLM's word pieces."""
    return make_cross_encoder(tmp_path_factory.mktemp("cross-encoder"), outputs=1)


def make_cross_encoder(folder: Path, outputs: int) -> Path:
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    from rag.encoder import minilm_directory

    tokenizer = AutoTokenizer.from_pretrained(str(minilm_directory()))
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=outputs,
    )
    BertForSequenceClassification(config).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return folder


def test_a_cross_encoder_from_a_folder_gives_relevance(cross_encoder: Path) -> None:
    reranker = CrossEncoderReranker(cross_encoder)
    passages = [Passage("owls hunt at night", "Owls"), Passage("x" * 5000), Passage("")]
    found = reranker.relevance("what do owls hunt", passages)
    assert len(found) == 3 and all(0 < value < 1 for value in found)
    assert found[0] == pytest.approx(reranker.relevance("what do owls hunt", passages[:1])[0], abs=1e-4)
    assert reranker.relevance("anything", []) == []


def test_a_model_with_several_outputs_is_no_reranker(tmp_path: Path) -> None:
    with pytest.raises(RerankerError, match="gives 3 numbers per pair"):
        CrossEncoderReranker(make_cross_encoder(tmp_path / "three", outputs=3))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RerankerError, match="no reranker at"):
        CrossEncoderReranker(tmp_path / "nowhere")
    with pytest.raises(RerankerError, match="cannot be loaded"):
        CrossEncoderReranker(tmp_path)
