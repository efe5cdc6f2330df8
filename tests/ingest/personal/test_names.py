from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast

from ingest.errors import NamesModelError
from ingest.personal.names import name_recogniser

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "ada",
    "lovelace",
    "wrote",
    "to",
    "bob",
    ".",
    "the",
    "notes",
]
PERSONS = ("ada", "lovelace", "bob")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows three names: each word's embedding says whether it is one."""
    folder = tmp_path_factory.mktemp("names")
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    BertTokenizerFast(vocab=vocabulary).save_pretrained(folder)
    torch.manual_seed(0)
    labels = {0: "O", 1: "B-PER", 2: "I-PER"}
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        num_hidden_layers=0,
        num_attention_heads=1,
        intermediate_size=8,
        num_labels=3,
        id2label=labels,
        label2id={label: number for number, label in labels.items()},
    )
    net = BertForTokenClassification(config)
    with torch.no_grad():
        embeddings = net.bert.embeddings
        for table in (embeddings.position_embeddings, embeddings.token_type_embeddings):
            table.weight.zero_()
        weights = embeddings.word_embeddings.weight
        weights.zero_()
        weights[:, 0] = 1
        for number, word in enumerate(WORDS):
            if word in PERSONS:
                weights[number] = torch.tensor([0.0, 1.0, 0, 0, 0, 0, 0, 0])
        net.classifier.weight.zero_()
        net.classifier.weight[0, 0] = net.classifier.weight[1, 1] = 5
        net.classifier.bias.zero_()
    net.save_pretrained(folder)
    return folder


def test_names_are_found_where_they_stand(model: Path) -> None:
    text = "Ada Lovelace wrote to Bob . the notes"
    found = list(name_recogniser(model)(text))
    assert [text[finding.start : finding.end] for finding in found] == ["Ada", "Lovelace", "Bob"]
    assert [finding.value for finding in found] == ["ada", "lovelace", "bob"]


def test_long_text_is_read_in_windows(model: Path) -> None:
    text = "the notes . " * 300 + "Bob wrote"
    [finding] = name_recogniser(model)(text)
    assert text[finding.start : finding.end] == "Bob"


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NamesModelError, match="RAG_NAMES_MODEL"):
        name_recogniser(tmp_path / "nothing")
    with pytest.raises(NamesModelError, match="cannot be loaded"):
        name_recogniser(tmp_path)
