"""`rag train-questioner`: a generator that asks, for synthetic questions."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.common import AsJson, DataDir, note, print_json
from api.cli.models import TrainBar, commit


def train_questioner(
    qa: Annotated[
        list[Path], typer.Option("--qa", metavar="FOLDER", help="The folders with the question files.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FOLDER", help="Where the checkpoint goes; a stopped run goes on."),
    ],
    start_from: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The checkpoint to go on from; default: RAG_GENERATOR."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The run's seed.")] = 7,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the data.")] = 1,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="End after so many steps, with the learning rate at zero.")
    ] = None,
    learning_rate: Annotated[
        float, typer.Option(min=0, help="The highest learning rate; new parts of the model get 2.5 times it.")
    ] = 1.5e-4,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Train a generator that asks questions, for `rag synthesize questions`."""
    import torch

    from api.settings import load_settings
    from api.threads import set_threads
    from rag.generator.config import GeneratorConfig
    from rag.generator.passages import SENTENCE_START
    from rag.training.questioner import (
        BATCH_TOKENS,
        QUESTIONER_MIXTURE,
        QUESTIONER_RECIPE,
        run_questioner,
    )
    from rag.training.recipe import recipe_sources
    from rag.training.train import NEW_RATE, TrainSettings

    given = load_settings(data_dir=data_dir)
    settings = TrainSettings(
        sources=recipe_sources(qa, QUESTIONER_RECIPE),
        out=out,
        seed=seed,
        epochs=epochs,
        max_steps=max_steps,
        learning_rate=learning_rate,
        new_learning_rate=NEW_RATE * learning_rate,
        start_from=start_from or given.checkpoint,
        mixture=QUESTIONER_MIXTURE,
        batch_tokens=BATCH_TOKENS,
        config=GeneratorConfig(sentence_start=SENTENCE_START),
    )
    set_threads(given.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    steps = f" --max-steps {max_steps}" if max_steps else ""
    command = (
        f"rag train-questioner --qa FOLDER --out FOLDER --start-from FOLDER --seed {seed} --epochs {epochs} "
        f"--learning-rate {learning_rate:g}{steps}"
    )
    with TrainBar() as bar:
        description = run_questioner(settings, bar.show, device, {"command": command, "commit": commit()})
    if as_json:
        print_json(description)
    else:
        note(f"The questioner is in {out}. Use it: rag synthesize questions --questioner {out}")
