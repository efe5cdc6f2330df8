"""Two encoders with the same vectors: one that costs next to nothing, one that costs what MiniLM costs.

    python -m bench.encoder_pair write FOLDER --window 64
    RAG_ENCODER=FOLDER/cheap rag ingest … --corpus NAME
    python -m bench.encoder_pair adopt DATA_DIR NAME FOLDER/full
    RAG_ENCODER=FOLDER/full rag serve

To embed a million chunks takes MiniLM hours, and how fast they are searched hardly depends on what their
vectors say. `cheap` has MiniLM's embeddings of words and places and none of its layers. `full` has the six
layers, with the same arithmetic as MiniLM's, but what they add is zero, so that its vectors are those of
`cheap`. A corpus that was embedded by one can be searched with the other: `adopt` compares their vectors and
says so in the database. So a search takes as long as with MiniLM, the query's embedding included.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save_file
from sqlalchemy import update
from torch import Tensor, ones_like, zeros_like

from rag.encoder import Encoder, minilm_directory, model_config
from store import corpora
from store.postgres import open_database
from store.tables.corpora import CorpusRow

SAMPLE = (
    "When did the Normans settle?",
    "water",
    "the price of bread in the winter of 1918, and why it rose",
)
NORM = "embeddings.LayerNorm"
LAST_NORM = "encoder.layer.5.output.LayerNorm"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    write = steps.add_parser("write")
    write.add_argument("folder", type=Path)
    write.add_argument("--window", type=int, default=256, help="tokens that are read, and so in a chunk")
    take_over = steps.add_parser("adopt")
    take_over.add_argument("data", type=Path)
    take_over.add_argument("corpus")
    take_over.add_argument("encoder", type=Path)
    arguments = parser.parse_args()
    if arguments.step == "write":
        write_pair(arguments.folder, arguments.window)
    else:
        adopt(arguments.data, arguments.corpus, str(arguments.encoder))


def write_pair(folder: Path, window: int) -> None:
    """Write the models `cheap` and `full`."""
    weights = load_file(str(minilm_directory() / "model.safetensors"))
    embeddings = {name: weight for name, weight in weights.items() if name.startswith("embeddings.")}
    _write_model(folder / "cheap", embeddings, 0, window)
    _write_model(folder / "full", weights | passing_through(weights), 6, window)


def passing_through(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights with which every layer hands on what it is given.

    A layer is LayerNorm(x + f(x)), twice. Where f is zero and the gain one, that leaves a normalised x as it
    is; so the gain and offset that belong to the embeddings' LayerNorm come last.
    """
    new = {name: zeros_like(weight) for name, weight in weights.items() if ".output.dense." in name}
    for name, weight in weights.items():
        if "LayerNorm.weight" in name:
            new[name] = ones_like(weight)
        elif "LayerNorm.bias" in name:
            new[name] = zeros_like(weight)
    return new | {f"{LAST_NORM}.{part}": weights[f"{NORM}.{part}"].clone() for part in ("weight", "bias")}


def _write_model(folder: Path, weights: dict[str, Tensor], layers: int, window: int) -> None:
    model = minilm_directory()
    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("model.safetensors", "README.md"))
    for module in json.loads((model / "modules.json").read_text()):
        (folder / module["path"]).mkdir(exist_ok=True)
    save_file(weights, str(folder / "model.safetensors"), {"format": "pt"})
    _change(folder / "config.json", model_config(model) | {"num_hidden_layers": layers})
    _change(folder / "sentence_bert_config.json", {"max_seq_length": window, "do_lower_case": False})


def _change(path: Path, fields: dict[str, Any]) -> None:
    path.write_text(json.dumps(fields))


def adopt(data: Path, corpus: str, encoder: str) -> None:
    """Say that a corpus was embedded by another encoder that has the same vectors.

    Raises:
        ValueError: it has not.
    """
    database = open_database(None, data)
    try:
        with database.transaction() as session:
            known = corpora.get(session, corpus)
            new, old = Encoder(encoder), Encoder(known.encoder)
            apart = float(np.abs(new.encode(SAMPLE) - old.encode(SAMPLE)).max())
            if apart > 1e-5:
                raise ValueError(
                    f"{encoder} gives other vectors than {old.name}, by up to {apart:.2g}: "
                    "a corpus can be searched only with the vectors that it was embedded with"
                )
            changed = {"encoder": encoder, "encoder_revision": new.revision}
            session.execute(update(CorpusRow).where(CorpusRow.id == known.id).values(changed))
    finally:
        database.close()


if __name__ == "__main__":
    main()
