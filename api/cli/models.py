"""`rag train` and `rag evaluate`: generators made and measured."""

import json
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from api.cli.common import AsJson, DataDir, note, print_json
from api.cli.exits import CommandError

if TYPE_CHECKING:
    from rag.encoder import Encoder
    from rag.generator.generate import LocalGenerator
    from rag.training.train import TrainProgress

PASSAGES_READ = 10


class Setting(StrEnum):
    """Where the evidence for a question comes from."""

    GOLD = "gold"
    OPEN = "open"


class ListsInARow(TyperCommand):
    """Takes `--qa A B C` as well as `--qa A --qa B --qa C`."""

    LISTS = frozenset({"--qa", "--corpus-from", "--retrieval", "--contexts"})

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
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Train the generator, calibrate when it abstains, and write a checkpoint with its lineage."""
    import torch

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
        mixture=RECIPE_MIXTURE,
        config=GeneratorConfig(sentence_start=SENTENCE_START),
    )
    set_threads(load_settings(data_dir=data_dir).threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # Folders are left out: a checkpoint travels, and where its data lay says nothing; their hashes do.
    more = f" --max-steps {max_steps}" if max_steps else ""
    more += " --start-from FOLDER" if start_from else ""
    rate = f" --learning-rate {learning_rate:g}"
    command = f"rag train --qa FOLDER --out FOLDER --seed {seed} --epochs {epochs}{rate}{more}"
    lineage = {"command": command, "commit": commit()}
    with _TrainBar() as bar:
        description = run(settings, bar.show, device, lineage)
    if as_json:
        print_json(description)
    else:
        note(f"The checkpoint is in {out}. Use it: RAG_GENERATOR={out} rag serve")


class _TrainBar:
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

    def __enter__(self) -> "_TrainBar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, p: "TrainProgress") -> None:
        """Show where the run is."""
        figures = f"loss {p.loss:.3f}  {p.examples_per_s:.1f} examples/s"
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


def evaluate(
    qa: Annotated[
        list[Path] | None, typer.Option("--qa", metavar="FILE", help="Questions with answers.")
    ] = None,
    setting: Annotated[
        Setting, typer.Option(help="gold: the example's own passage is the evidence; open: retrieve it.")
    ] = Setting.GOLD,
    corpus_from: Annotated[
        list[Path] | None,
        typer.Option("--corpus-from", metavar="FILE", help="More files whose passages are retrieved from."),
    ] = None,
    retrieval: Annotated[
        list[Path] | None,
        typer.Option("--retrieval", metavar="FOLDER", help="A collection in BEIR's layout."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write the figures here.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write each example's outcome here, as JSONL.")
    ] = None,
    generator: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The checkpoint; default: RAG_GENERATOR.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many examples of each file.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Measure answers or retrieval on files, with a table, and JSON for machines."""
    from api.settings import load_settings
    from rag.encoder import Encoder
    from rag.generator.generate import LocalGenerator

    if bool(qa) == bool(retrieval):
        raise CommandError(
            "Say what to measure: --qa FILE… for answers, or --retrieval FOLDER… for retrieval."
        )
    for path in (out, predictions):
        if path is not None and not path.resolve().parent.is_dir():
            raise CommandError(f"There is no folder {path.resolve().parent} for {path.name}. Make it first.")
    settings = load_settings(data_dir=data_dir)
    local = LocalGenerator(generator or settings.generator)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rag-evaluate-")))
        if retrieval:
            report = _retrieval(retrieval, Encoder(settings.encoder), local, folder)
        else:
            write = _writer(predictions, stack)
            encoder = Encoder(settings.encoder) if setting == Setting.OPEN else None
            report = _qa(
                qa or [], corpus_from or [], local, encoder=encoder, folder=folder, write=write, limit=limit
            )
            report["setting"] = setting.value
    report |= {"model": local.name, "commit": commit()}
    _print_sets(report["sets"])
    if out is not None:
        out.write_text(json.dumps(report, indent=2) + "\n")


def _writer(path: Path | None, stack: ExitStack) -> Callable[[str, Any], None]:
    from rag.evaluation.qa import to_record

    file = stack.enter_context(path.open("w")) if path is not None else None
    done: dict[str, int] = {}

    def write(name: str, prediction: Any) -> None:
        done[name] = done.get(name, 0) + 1
        if done[name] % 100 == 0:
            note(f"{name}: {done[name]} questions answered")
        if file is not None:
            file.write(json.dumps(to_record(name, prediction), ensure_ascii=False) + "\n")

    return write


def _qa(
    files: list[Path],
    corpus_from: list[Path],
    generator: "LocalGenerator",
    *,
    encoder: "Encoder | None",
    folder: Path,
    write: Callable[[str, Any], None],
    limit: int | None,
) -> dict[str, Any]:
    from rag.evaluation.qa import evaluate_qa, passages_of_files, retrieve_from

    if encoder is None:
        return evaluate_qa(files, generator, None, write, limit)
    from rag.evaluation.passage_index import PassageIndex

    passages = passages_of_files([*files, *corpus_from])
    texts = [f"{p.title}\n{p.text}".strip() for p in passages]
    index = PassageIndex(texts, encoder, folder, lambda done, of: note(f"{done} of {of} passages embedded"))
    retrieve = retrieve_from(index, passages, PASSAGES_READ)
    report = evaluate_qa(files, generator, retrieve, write, limit)
    index.close()
    return {**report, "passages": len(passages)}


def _retrieval(
    folders: list[Path], encoder: "Encoder", generator: "LocalGenerator", folder: Path
) -> dict[str, Any]:
    from rag.evaluation.retrieval import evaluate_retrieval

    return evaluate_retrieval(
        folders,
        encoder,
        folder,
        generator,
        lambda name, done, of: note(f"{name}: {done} of {of} documents embedded"),
    )


def _print_sets(sets: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    rows = _rows(sets)
    table = Table("", *(name for name, _ in rows))
    for figure in rows[0][1]:
        table.add_row(figure, *(_shown(figures[figure]) for _, figures in rows))
    Console().print(table)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def _rows(sets: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """A row per set, or per set and mode."""
    rows = []
    for name, figures in sets.items():
        if all(isinstance(v, dict) for v in figures.values()):
            rows += [(f"{name} {mode}", inner) for mode, inner in figures.items()]
        else:
            rows.append((name, figures))
    return rows
