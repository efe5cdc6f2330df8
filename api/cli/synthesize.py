"""`rag synthesize`: training examples made from what has no answers yet, marked synthetic."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.common import AsJson, DataDir, note, print_json
from api.cli.models import ListsInARow

if TYPE_CHECKING:
    from rag.training.corpus import Paragraph
    from rag.training.growing import Block

app = typer.Typer(help="Make synthetic training examples.", no_args_is_help=True)


@app.callback()
def kinds() -> None:
    """Make synthetic training examples."""


@app.command(cls=ListsInARow)
def labels(
    questions: Annotated[
        Path, typer.Option(metavar="FILE", help="Questions whose passage is the sentence that answers them.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the examples go: NAME.jsonl.gz.")],
    contexts: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Question files whose passages the sentences may come from."),
    ] = None,
    generator: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The checkpoint; default: RAG_GENERATOR.")
    ] = None,
    least_probability: Annotated[
        float, typer.Option(min=0, max=1, help="How probable the model must find a span.")
    ] = 0.35,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let the generator choose the span of each sentence that answers its question."""
    from api.settings import load_settings
    from api.threads import set_threads
    from rag.generator.generate import LocalGenerator
    from rag.training.data import read_examples
    from rag.training.self_label import Contexts, LabelSettings, label, write_examples

    settings = load_settings(data_dir=data_dir)
    set_threads(settings.threads)
    examples = list(read_examples(questions))
    wide = (p for path in contexts or [] for e in read_examples(path) for p in e.passages)
    known = Contexts(wide, (e.passages[0].text for e in examples))
    local = LocalGenerator(generator or settings.checkpoint)
    made = label(examples, local, known, LabelSettings(least_probability))
    count = write_examples(made, out)
    if as_json:
        print_json({"examples": count, "questions": len(examples), "model": local.name})
    else:
        note(f"{count} of {len(examples)} questions have an answer now; they are in {out}.")


CorpusFile = Annotated[
    Path, typer.Option("--corpus", metavar="FILE", help="Articles: a title, paragraphs, an empty line.")
]
Out = Annotated[
    Path,
    typer.Option(metavar="FILE", help="Where the examples go: NAME.jsonl.gz; a stopped command goes on."),
]
Count = Annotated[int, typer.Option(min=1, help="How many answerable examples to make.")]
Seed = Annotated[int, typer.Option(help="Chooses paragraphs and answers.")]
LeaveOut = Annotated[
    list[Path] | None,
    typer.Option("--leave-out", metavar="FILE", help="Question files whose articles are not used."),
]
License = Annotated[str, typer.Option(help="The corpus's licence, for the records.")]


@app.command(cls=ListsInARow)
def questions(
    corpus: CorpusFile,
    questioner: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The checkpoint of `rag train-questioner`.")
    ],
    out: Out,
    count: Count = 8000,
    seed: Seed = 7,
    leave_out: LeaveOut = None,
    license: License = "CC BY-SA 3.0",
    generator: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The checkpoint that answers them; default: RAG_GENERATOR."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask questions about a corpus and keep those that the generator answers as they were meant."""
    from api.settings import load_settings
    from api.threads import choose_precision, set_threads
    from rag.generator.generate import LocalGenerator
    from rag.training.ask import Asker, AskSettings, make_questions

    settings = load_settings(data_dir=data_dir)
    set_threads(settings.threads)
    paragraphs = _paragraphs(corpus, leave_out, seed)
    asking = AskSettings(seed=seed)
    precision = choose_precision(settings.generator_precision)
    asker = Asker(
        questioner=LocalGenerator(questioner, precision=precision),
        reader=LocalGenerator(generator or settings.checkpoint, precision=precision),
        source=_source_of(corpus),
        license=license,
    )
    made_of = {
        **_made_of(corpus, leave_out),
        "settings": asdict(asking),
        "questioner": asker.questioner.name,
        "reader": asker.reader.name,
    }
    _grow(out, made_of, count, lambda first: make_questions(paragraphs, asker, asking, first), as_json)


@app.command(cls=ListsInARow)
def spans(
    corpus: CorpusFile,
    out: Out,
    count: Count = 4000,
    seed: Seed = 7,
    leave_out: LeaveOut = None,
    license: License = "CC BY-SA 3.0",
    as_json: AsJson = False,
) -> None:
    """Blank spans of a corpus that occur again beside them: the model looks for what is missing."""
    from rag.training.recurring import make_spans

    paragraphs = _paragraphs(corpus, leave_out, seed)
    source = _source_of(corpus)
    made_of = {**_made_of(corpus, leave_out), "seed": seed}
    _grow(out, made_of, count, lambda first: make_spans(paragraphs, source, license, seed, first), as_json)


@app.command(cls=ListsInARow)
def claims(
    checked: Annotated[
        Path,
        typer.Option("--claims", metavar="FILE", help="Claims and evidence, as for `rag train-scorer`."),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the examples go: NAME.jsonl.gz.")],
    seed: Annotated[int, typer.Option(help="Chooses what is asked for.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Ask for a span that claim and evidence share: answerable where the evidence supports the claim."""
    from rag.training.claims import claim_examples
    from rag.training.self_label import write_examples

    examples = list(claim_examples(checked, seed))
    count = write_examples(examples, out)
    answerable = sum(e.answerable for e in examples)
    if as_json:
        print_json({"examples": count, "answerable": answerable})
    else:
        note(f"{count} questions, {answerable} of them answerable, are in {out}.")


def _paragraphs(corpus: Path, leave_out: list[Path] | None, seed: int) -> "list[Paragraph]":
    from rag.training.corpus import choose_paragraphs, read_articles, titles_in

    return choose_paragraphs(read_articles(corpus), titles_in(leave_out or []), seed)


def _source_of(corpus: Path) -> str:
    return corpus.name.split(".")[0]


def _made_of(corpus: Path, leave_out: list[Path] | None) -> dict[str, Any]:
    from rag.training.data import file_sha256

    return {"corpus": file_sha256(corpus), "left_out": sorted(map(file_sha256, leave_out or []))}


def _grow(
    out: Path,
    made_of: dict[str, Any],
    count: int,
    make: "Callable[[int], Iterator[Block]]",
    as_json: bool,
) -> None:
    from rag.training.growing import Grown, grow

    begun = time.monotonic()
    before: list[Grown] = []

    def report(grown: Grown) -> None:
        before.append(grown)
        rate = (grown.tried - before[0].tried) / max(1e-9, time.monotonic() - begun)
        note(f"{grown.answerable} of {count} made of {grown.tried} tried, {rate:.1f} tried/s")

    grown = grow(out, made_of, count, make, report)
    if as_json:
        print_json({"out": str(out), **asdict(grown)})
    else:
        note(f"{grown.answerable} answerable and {grown.unanswerable} unanswerable examples are in {out}.")
