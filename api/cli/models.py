"""`rag train`: generators made."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from api.cli.common import AsJson, DataDir, note, print_json
from api.cli.exits import CommandError

if TYPE_CHECKING:
    from api.settings import Settings
    from rag.training.journal import TrainProgress
    from rag.training.train import TrainSettings

RecipeFolders = Annotated[
    list[Path],
    typer.Option("--qa", metavar="FOLDER", help="The folders with the recipe's question files."),
]
ChangedCheckpoint = Annotated[
    Path, typer.Option(metavar="FOLDER", help="The checkpoint; its model.json is changed.")
]


class ListsInARow(TyperCommand):
    """Takes `--qa A B C` as well as `--qa A --qa B --qa C`."""

    LISTS = frozenset(
        {"--qa", "--corpus-from", "--retrieval", "--contexts", "--memory-of", "--leave-out", "--groundedness"}
    )

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat an option before each value that follows it."""
        spread: list[str] = []
        option = None
        for arg in args:
            if arg.startswith("-"):
                option = arg if arg in self.LISTS else None
                spread += [] if option else [arg]
            else:
                spread += [option, arg] if option else [arg]
        return super().parse_args(ctx, spread)


def train(
    qa: Annotated[
        list[Path],
        typer.Option("--qa", metavar="FOLDER", help="The folders with the recipe's question files."),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FOLDER", help="Where the checkpoint goes; a stopped run goes on."),
    ],
    seed: Annotated[int, typer.Option(help="The run's seed.")] = 7,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 1,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="End after so many steps, with the learning rate at zero.")
    ] = None,
    learning_rate: Annotated[
        float, typer.Option(min=0, help="The highest learning rate; new parts of the model get 2.5 times it.")
    ] = 1.5e-4,
    start_from: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A checkpoint to go on from; default: MiniLM.")
    ] = None,
    patience: Annotated[
        int,
        typer.Option(min=1, help="End when the held-out loss was no better so many times in a row."),
    ] = 10,
    risk: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Abstain so that, held out, no more than this share of the answers given is wrong.",
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Train the generator, calibrate when it abstains, and write a checkpoint with its lineage."""
    import torch

    from api.scorers import load_judge
    from api.settings import load_settings
    from api.threads import set_threads
    from rag.generator.config import GeneratorConfig
    from rag.generator.passages import SENTENCE_START
    from rag.training.recipe import RECIPE_MIXTURE, recipe_sources
    from rag.training.run import run
    from rag.training.train import NEW_RATE, TrainSettings

    settings = TrainSettings(
        sources=recipe_sources(qa),
        out=out,
        seed=seed,
        epochs=epochs,
        max_steps=max_steps,
        learning_rate=learning_rate,
        new_learning_rate=NEW_RATE * learning_rate,
        start_from=start_from,
        patience=patience,
        mixture=RECIPE_MIXTURE,
        config=GeneratorConfig(sentence_start=SENTENCE_START),
    )
    configured = load_settings(data_dir=data_dir)
    set_threads(configured.threads)
    judge = load_judge(configured)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # Folders are left out: a checkpoint travels, and where its data lay says nothing; their hashes do.
    more = f" --max-steps {max_steps}" if max_steps else ""
    more += " --start-from FOLDER" if start_from else ""
    more += f" --patience {patience} --risk {risk:g}" if risk is not None else f" --patience {patience}"
    rate = f" --learning-rate {learning_rate:g}"
    command = f"rag train --qa FOLDER --out FOLDER --seed {seed} --epochs {epochs}{rate}{more}"
    lineage = {"command": command, "commit": commit()}
    with TrainBar() as bar:
        description = run(settings, bar.show, device, lineage, risk, judge=judge)
    if as_json:
        print_json(description)
    else:
        note(f"The checkpoint is in {out}. Use it: RAG_GENERATOR={out} rag serve")


def calibrate(
    qa: RecipeFolders,
    generator: ChangedCheckpoint,
    seed: Annotated[int, typer.Option(help="Chooses the held-out questions.")] = 7,
    risk: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="As of `rag train`."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Fit again when a checkpoint abstains, on articles that training held out; its weights stay."""
    from api.scorers import load_judge
    from api.threads import choose_precision
    from rag.training.run import recalibrate

    settings, configured = _of_held_out(qa, generator, seed, data_dir)
    precision = choose_precision(configured.generator_precision)
    description = recalibrate(settings, "cpu", risk, precision, load_judge(configured))
    if as_json:
        print_json(description)
    else:
        threshold = description["calibration"]["threshold"]
        note(f"{generator} abstains where the probability is under {threshold:.3f}")


def fit_pruning(
    qa: RecipeFolders,
    generator: ChangedCheckpoint,
    after: Annotated[int, typer.Option(min=1, help="So many of the encoder's layers read all.")] = 3,
    share: Annotated[
        float, typer.Option(min=0.05, max=1.0, help="Share of the passages that is read to the end.")
    ] = 0.5,
    least: Annotated[int, typer.Option(min=1, help="At least so many are read to the end.")] = 5,
    questions: Annotated[int, typer.Option(min=2, help="Held-out questions to fit it on.")] = 1500,
    seed: Annotated[int, typer.Option(help="Chooses the held-out questions.")] = 7,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Fit which passages a checkpoint reads to the end; its weights stay."""
    from api.threads import choose_precision
    from rag.training.pruning import Sift, prune

    settings, configured = _of_held_out(qa, generator, seed, data_dir)
    precision = choose_precision(configured.generator_precision)
    description = prune(settings, Sift(after, share, least, questions), precision, _tell_questions)
    if as_json:
        print_json(description)
    else:
        found = description["pruning_dev"]
        note(
            f"{generator} reads what holds {found['kept_mass']:.1%} of the start pointer to the end; "
            f"the best passage of {found['kept_best']:.1%} of {found['questions']} questions is among it"
        )


def _of_held_out(
    qa: Sequence[Path], generator: Path, seed: int, data_dir: Path | None
) -> tuple["TrainSettings", "Settings"]:
    """The settings with which training held articles out, and the program's own."""
    from api.settings import load_settings
    from api.threads import set_threads
    from rag.training.recipe import RECIPE_MIXTURE, recipe_sources
    from rag.training.train import TrainSettings

    configured = load_settings(data_dir=data_dir)
    set_threads(configured.threads)
    settings = TrainSettings(sources=recipe_sources(qa), out=generator, seed=seed, mixture=RECIPE_MIXTURE)
    return settings, configured


def _tell_questions(done: int, of: int) -> None:
    if done % 100 == 0 or done == of:
        note(f"read {done} of {of} questions")


def average(
    parts: Annotated[
        list[str], typer.Argument(metavar="FOLDER=SHARE…", help="Checkpoints and their shares, together 1.")
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the mean goes.")],
    as_json: AsJson = False,
) -> None:
    """Make one generator of several that went on from the same one: the mean of their weights."""
    from rag.training.average import average as mean_of

    folders, shares = zip(*map(_part, parts), strict=True)
    description = mean_of(folders, shares, out)
    if as_json:
        print_json(description)
    else:
        note(
            f"The mean is in {out}. When it abstains is the first one's: fit it with rag calibrate."
            " It reads all passages to the end: rag fit-pruning finds which it need not"
        )


def record_data(
    qa: Annotated[
        list[Path],
        typer.Option("--qa", metavar="FILE", help="All that it, and what came before it, learned from."),
    ],
    generator: Annotated[Path, typer.Option(metavar="FOLDER", help="The checkpoint.")],
    as_json: AsJson = False,
) -> None:
    """Record what a checkpoint was trained on, as hashes beside it, for the score of novelty.

    `rag train` and `rag average` do so by themselves.
    """
    from rag.training.record import record_checkpoint
    from rag.training_record import FILE

    record = record_checkpoint(generator, qa)
    size = (generator / FILE).stat().st_size
    if as_json:
        files = [file.name for file in record.files]
        print_json({"sequences": len(record.hashes), "size_bytes": size, "files": files})
    else:
        note(f"{len(record.hashes):,} sequences of words, {size:,} bytes: {generator / FILE}")


def _part(text: str) -> tuple[Path, float]:
    folder, _, share = text.rpartition("=")
    try:
        return Path(folder), float(share)
    except ValueError:
        raise CommandError(f"{text!r} is not FOLDER=SHARE, such as runs/first=0.5.") from None


class TrainBar:
    """Steps done, losses, rate and time left, on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task("training", total=None, figures="")

    def __enter__(self) -> "TrainBar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, p: "TrainProgress") -> None:
        """Show where the run is."""
        held_out = f"  held out {p.dev_loss:.3f}" if p.dev_loss is not None else ""
        figures = f"loss {p.loss:.3f}{held_out}  {p.examples_per_s:.1f} examples/s"
        self._progress.update(self._task, completed=p.step, total=p.steps, figures=figures)


def commit() -> str | None:
    """The commit that the code is at, with `-dirty` where files differ; None outside a checkout."""
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=here, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
