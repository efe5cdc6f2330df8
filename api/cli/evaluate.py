"""`rag evaluate`: answers and retrieval measured on files."""

import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.common import DataDir, note
from api.cli.exits import CommandError
from api.cli.figures import print_by_type, print_sets
from api.cli.models import commit
from api.cli.scoring import measure_groundedness
from rag.generator.settings import Style

if TYPE_CHECKING:
    from rag.encoder import Encoder
    from rag.generator.generate import LocalGenerator


class Setting(StrEnum):
    """Where the evidence for a question comes from."""

    GOLD = "gold"
    OPEN = "open"
    MISSING = "missing"


def evaluate(
    qa: Annotated[
        list[Path] | None, typer.Option("--qa", metavar="FILE", help="Questions with answers.")
    ] = None,
    setting: Annotated[
        Setting,
        typer.Option(
            help="gold: the example's own passage is the evidence; open: retrieve it; missing: retrieve, and "
            "leave out what holds the answer of every second question."
        ),
    ] = Setting.GOLD,
    corpus_from: Annotated[
        list[Path] | None,
        typer.Option("--corpus-from", metavar="FILE", help="More files whose passages are retrieved from."),
    ] = None,
    style: Annotated[
        Style | None,
        typer.Option(
            help="The form of answers; default: short, or where a full answer is expected what the question "
            "asks for."
        ),
    ] = None,
    retrieval: Annotated[
        list[Path] | None,
        typer.Option("--retrieval", metavar="FOLDER", help="A collection in BEIR's layout."),
    ] = None,
    groundedness: Annotated[
        list[Path] | None,
        typer.Option("--groundedness", metavar="FILE", help="Claims with evidence, for the scorer."),
    ] = None,
    memory_of: Annotated[
        list[Path] | None,
        typer.Option("--memory-of", metavar="FILE", help="Training files: are answers remembered from them?"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write the figures here.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write each example's outcome here, as JSONL.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Draw risk, calibration and F1 by question type.")
    ] = None,
    risk: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Choose the threshold of the checkpoint in --generator on these questions, so that no more "
            "than this share of the answers given is wrong.",
        ),
    ] = None,
    generator: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The checkpoint; default: RAG_GENERATOR.")
    ] = None,
    scorer: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The scorer; default: RAG_SCORER.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many examples of each file.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Measure answers, retrieval or the scorer on files, with a table, and JSON for machines."""
    from api.scorers import load_judge
    from api.settings import load_settings
    from api.threads import choose_precision
    from rag.encoder import Encoder
    from rag.generator.generate import LocalGenerator

    if sum(map(bool, (qa, retrieval, groundedness))) != 1:
        raise CommandError(
            "Say what to measure: --qa FILE… for answers, --retrieval FOLDER… for retrieval, or "
            "--groundedness FILE… for the scorer."
        )
    _check_options(qa, out, predictions, picture, risk, generator)
    settings = load_settings(data_dir=data_dir)
    if groundedness:
        report = measure_groundedness(groundedness, settings, scorer, predictions, limit)
        _show(report | {"commit": commit()}, out, None)
        return
    precision = choose_precision(settings.encoder_precision)
    local = LocalGenerator(
        generator or settings.checkpoint,
        precision=choose_precision(settings.generator_precision),
        prunes=settings.generator_pruning,
        judge=None if retrieval else load_judge(settings),
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rag-evaluate-")))
        if retrieval:
            report = _retrieval(retrieval, Encoder(settings.encoder, precision), local, folder)
        else:
            asked = _Asked(qa or [], corpus_from or [], memory_of or [], limit, risk, style)
            encoder = Encoder(settings.encoder, precision) if setting != Setting.GOLD else None
            report = _qa(asked, setting, local, encoder, folder, _writer(predictions, stack))
            report |= {"setting": setting.value, "style": style.value if style else None}
    report |= {"model": local.name, "commit": commit()}
    _show(report, out, picture)
    if report.get("at_risk") and generator is not None:
        _keep_threshold(generator, report["at_risk"], judged=bool(local.calibration.judge))


def _check_options(
    qa: list[Path] | None,
    out: Path | None,
    predictions: Path | None,
    picture: Path | None,
    risk: float | None,
    generator: Path | None,
) -> None:
    from rag.plots import check_ending

    for path in (out, predictions, picture):
        if path is not None and not path.resolve().parent.is_dir():
            raise CommandError(f"There is no folder {path.resolve().parent} for {path.name}. Make it first.")
    if picture is not None:
        check_ending(picture)
    if not qa and (picture is not None or risk is not None):
        raise CommandError("--picture and --risk are for answers: give --qa FILE… as well.")
    if risk is not None and generator is None:
        raise CommandError("--risk writes a threshold into a checkpoint: say into which with --generator.")


def _show(report: dict[str, Any], out: Path | None, picture: Path | None) -> None:
    """Print the tables, and write the JSON and the picture where they are wanted."""
    print_sets(report["sets"])
    print_by_type(report["sets"])
    if out is not None:
        out.write_text(json.dumps(report, indent=2) + "\n")
    if picture is not None:
        from rag.evaluation.picture import draw

        draw(report, picture)


def _keep_threshold(checkpoint_folder: Path, at_risk: dict[str, Any], *, judged: bool) -> None:
    """Write a threshold that was chosen for a risk into a checkpoint's description."""
    from rag.generator import checkpoint
    from rag.generator.calibration import JUDGED, PLAIN

    if at_risk["threshold"] is None:
        raise CommandError(
            f"No threshold keeps the share of wrong answers at {at_risk['wanted']}: the lowest that one "
            f"reaches is {at_risk['lowest_risk']:.3f}. The checkpoint is as it was; allow a higher --risk."
        )
    description = checkpoint.describe(checkpoint_folder)
    chosen = {
        "threshold": at_risk["threshold"],
        "risk": at_risk["wanted"],
        "coverage": at_risk["coverage"],
    }
    name = JUDGED if judged else PLAIN
    description[name] = {**description.get(name, {}), **chosen}
    checkpoint.write_description(checkpoint_folder, description)
    note(f"The checkpoint now abstains below {at_risk['threshold']:.3f}, on {1 - at_risk['coverage']:.1%}.")


@dataclass(frozen=True)
class _Asked:
    """What is measured on questions."""

    files: list[Path]
    corpus_from: list[Path]
    memory_of: list[Path]
    limit: int | None
    risk: float | None
    style: Style | None


def _writer(path: Path | None, stack: ExitStack) -> Callable[[str, Any], None]:
    from rag.evaluation.predict import to_record

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
    asked: _Asked,
    setting: Setting,
    generator: "LocalGenerator",
    encoder: "Encoder | None",
    folder: Path,
    write: Callable[[str, Any], None],
) -> dict[str, Any]:
    from rag.evaluation.qa import (
        PASSAGES_FOUND,
        PASSAGES_READ,
        evaluate_qa,
        passages_of_files,
        retrieve_from,
    )

    evaluate_asked = partial(
        evaluate_qa,
        asked.files,
        generator,
        on_prediction=write,
        limit=asked.limit,
        memory_of=asked.memory_of,
        risk=asked.risk,
        style=asked.style,
    )
    if encoder is None:
        return evaluate_asked()
    from rag.evaluation.passage_index import PassageIndex

    passages = passages_of_files([*asked.files, *asked.corpus_from])
    texts = [f"{p.title}\n{p.text}".strip() for p in passages]
    index = PassageIndex(texts, encoder, folder, lambda done, of: note(f"{done} of {of} passages embedded"))
    if setting == Setting.MISSING:
        report = evaluate_asked(missing=retrieve_from(index, passages, PASSAGES_FOUND))
    else:
        report = evaluate_asked(retrieve=retrieve_from(index, passages, PASSAGES_READ))
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
