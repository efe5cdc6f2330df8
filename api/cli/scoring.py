"""`rag train-scorer`, `rag rescore`, and what `rag evaluate --groundedness` does."""

import json
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.common import AsJson, DataDir, note, print_json, running
from api.cli.exits import CommandError
from api.cli.models import commit

if TYPE_CHECKING:
    from api.settings import Settings
    from rag.scoring.data import Claim
    from rag.training.journal import TrainProgress


def train_scorer(
    groundedness: Annotated[
        list[Path],
        typer.Option("--groundedness", metavar="FILE", help="Claims with evidence; none called dev or test."),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FOLDER", help="Where the checkpoint goes; a stopped run goes on."),
    ],
    share: Annotated[
        list[str] | None,
        typer.Option(
            "--share", metavar="NAME=X", help="Read a file's claims X times a pass; 0.5 is a half of them."
        ),
    ] = None,
    calibrate_on: Annotated[
        list[str] | None,
        typer.Option("--calibrate-on", metavar="NAME", help="Fit the probability on this file only."),
    ] = None,
    start_from: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="A generator's checkpoint whose encoder to start from."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The run's seed.")] = 7,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the data.")] = 2,
    max_steps: Annotated[int | None, typer.Option(min=1, help="End after so many steps.")] = None,
    learning_rate: Annotated[float, typer.Option(min=0, help="The highest learning rate.")] = 1e-4,
    batch_tokens: Annotated[int, typer.Option(min=64, help="Tokens of a batch.")] = 2048,
    most_tokens: Annotated[int, typer.Option(min=16, max=256, help="Learn from no longer claims.")] = 110,
    frozen_layers: Annotated[int, typer.Option(min=0, max=6, help="Lowest layers that stay.")] = 1,
    held_out: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="The share of the evidence that is not trained on.")
    ] = 0.2,
    dev_every: Annotated[int, typer.Option(min=1, help="Steps between two looks at it.")] = 70,
    patience: Annotated[int, typer.Option(min=1, help="End when it was no better so often in a row.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Train the classifier that says whether a sentence is borne out by its evidence."""
    from api.settings import load_settings
    from api.threads import set_threads
    from rag.scoring.train import ScorerSettings, train

    for file in groundedness:
        if {"dev", "test"} & set(file.name.partition(".")[0].split("-")):
            raise CommandError(f"{file.name} is for measuring: nothing is trained on dev or test files.")
    settings = ScorerSettings(
        files=tuple(groundedness),
        out=out,
        shares_of_files=_shares(share or []),
        calibrate_on=tuple(calibrate_on or ()),
        start_from=start_from,
        seed=seed,
        epochs=epochs,
        max_steps=max_steps,
        learning_rate=learning_rate,
        batch_tokens=batch_tokens,
        most_tokens=most_tokens,
        frozen_layers=frozen_layers,
        held_out=held_out,
        dev_every=dev_every,
        patience=patience,
    )
    set_threads(load_settings().threads)
    description = train(settings, _show, {"commit": commit()})
    if as_json:
        print_json(description)
    else:
        note(f"The scorer is in {out}. Use it: RAG_SCORER={out} rag serve")


def _shares(given: list[str]) -> dict[str, float]:
    shares = {}
    for pair in given:
        name, _, number = pair.partition("=")
        try:
            shares[name] = float(number)
        except ValueError:
            raise CommandError(f"--share {pair!r} cannot be read: write NAME=0.5.") from None
    return shares


def _show(progress: "TrainProgress") -> None:
    held_out = "" if progress.dev_loss is None else f", held out {progress.dev_loss:.3f}"
    note(f"step {progress.step} of {progress.steps}: loss {progress.loss:.3f}{held_out}")


def rescore(
    since: Annotated[datetime | None, typer.Option(help="Asked then or later (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Asked before then (UTC).")] = None,
    corpus: Annotated[str | None, typer.Option(help="Which corpus was asked.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Score logged responses again; the scores from before stay in their history."""
    from api.rescoring import rescore_responses
    from store.responses import ResponseFilter

    wanted = ResponseFilter(corpus=corpus, since=_in_utc(since), until=_in_utc(until))
    with running(data_dir) as application:
        done = 0
        for done in rescore_responses(application.database, application.scorer, wanted):
            if not as_json:
                note(f"{done} responses scored")
    if as_json:
        print_json({"responses": done})


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def measure_groundedness(
    files: list[Path], settings: "Settings", scorer: Path | None, predictions: Path | None, limit: int | None
) -> dict[str, Any]:
    """Score the claims of files; `scorer` None is that of the settings."""
    from api.threads import choose_precision, set_threads
    from rag.evaluation.groundedness import evaluate_groundedness
    from rag.scoring.groundedness import GroundednessScorer

    folder = scorer or settings.scorer
    if folder is None:
        raise CommandError("RAG_SCORER is empty: say with --scorer FOLDER which one to measure.")
    set_threads(settings.threads)
    loaded = GroundednessScorer(folder, choose_precision(settings.generator_precision))
    with ExitStack() as stack:
        file = stack.enter_context(predictions.open("w")) if predictions else None

        def write(name: str, claim: "Claim", probability: float) -> None:
            if file is not None:
                record = {
                    "set": name,
                    "id": claim.id,
                    "supported": claim.supported,
                    "probability": probability,
                }
                file.write(json.dumps(record) + "\n")

        report = evaluate_groundedness(files, loaded, write, limit)
    return report | {"scorer": loaded.version}
