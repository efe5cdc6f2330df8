"""`rag synthesize`: training examples made from what has no answers yet, marked synthetic."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.common import AsJson, DataDir, note, print_json
from api.cli.models import ListsInARow

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
