"""A generator that asks: an answer and the sentences around it in, the question to it out.

It is the same network with its slots used the other way round. Where a question stands, it reads the answer;
as its passage, the sentence that holds the answer, with a blank in the answer's place; and it says the
question as it would say a full answer, in words that it copies or writes.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rag.generator import checkpoint
from rag.generator.generate import Asked, LocalGenerator
from rag.generator.passages import BLANK, Passage
from rag.generator.settings import GenerationSettings, Style
from rag.generator.words import sentence_spans
from rag.training.data import Answer, Example
from rag.training.journal import TrainProgress
from rag.training.mixture import Mixture, Split, gather
from rag.training.recipe import Part
from rag.training.runs import BOOK, recorded
from rag.training.train import RESUME, TrainSettings, describe_settings, train

QUESTIONER_RECIPE = {
    "squad-train": Part(),
    "squad-more-train": Part(),
    "squad-sentence-labelled": Part(optional=True),
    "qed-train": Part(limit=2500),
    "qamr-train": Part(limit=6000),
}
QUESTIONER_MIXTURE = Mixture(distractor_share=0.0, unanswerable_share=0.0)
"""Nothing is added to the files' own questions."""
BATCH_TOKENS = 1280
"""Half of a reader's: the contexts are short, and writing takes many steps to learn."""
_ASKED = GenerationSettings(style=Style.SENTENCE, quotes=False)
_TIGHT = (
    (re.compile(r"\s*(['’])\s*(s|t|re|ve|ll|d)\b"), r"\1\2"),
    (re.compile(r"(\w)\s*([-–/])\s*(\w)"), r"\1\2\3"),
    (re.compile(r"\s+"), " "),
)


def context_of(passage: Passage, answer: Answer) -> Passage:
    """The sentence with the answer, a blank in its place, after the title: what can be copied from."""
    end = answer.start + len(answer.text)
    spans = sentence_spans(passage.text, [(answer.start, end)])
    start, stop = next(((s, e) for s, e in spans if e > answer.start), (answer.start, end))
    sentence = passage.text[start : answer.start] + BLANK + passage.text[end:stop]
    return Passage(f"{passage.title}: {sentence}" if passage.title else sentence)


def asking_example(example: Example) -> Example | None:
    """What a labelled question teaches a questioner; None without an answer that is a span."""
    spans = [a for a in example.answers if a.start >= 0]
    if example.gold is None or not spans:
        return None
    answer = spans[0]
    question = example.question.strip()
    return replace(
        example,
        question=answer.text,
        passages=(context_of(example.passages[example.gold], answer),),
        gold=0,
        answers=(),
        full_answer=question if question.endswith("?") else f"{question}?",
    )


def gather_asking(settings: TrainSettings) -> Split:
    """The sources' questions, each the other way round, split by article as for any other run."""
    split = gather(settings.sources, settings.mixture, settings.seed)
    return Split(_turned(split.train), _turned(split.dev))


def _turned(examples: Sequence[Example]) -> list[Example]:
    return [asking for e in examples if (asking := asking_example(e)) is not None]


def run_questioner(
    settings: TrainSettings,
    report: Callable[[TrainProgress], None],
    device: str,
    lineage: Mapping[str, Any],
) -> dict[str, Any]:
    """Train a questioner (or go on with a stopped run) and return its checkpoint's description.

    It is noted in runs.jsonl beside its folder. Nothing is calibrated: it does not abstain.

    Raises:
        DataError, TrainingError, CheckpointError: see their messages; the last checkpoint is kept.
    """
    facts = {
        "folder": settings.out.name,
        "seed": settings.seed,
        "device": device,
        "task": "questions",
        **lineage,
        "settings": describe_settings(settings),
        "config": settings.config.to_dict(),
    }
    with recorded(settings.out.parent / BOOK, facts) as figures:
        model = train(settings, report, device, examples=gather_asking)
        description = {**checkpoint.describe(settings.out), **lineage, "device": device, "task": "questions"}
        figures |= {name: description[name] for name in ("step", "best_step", "dev_loss", "stopped_early")}
        checkpoint.save(model.to("cpu"), settings.out, description)
        (settings.out / RESUME).unlink(missing_ok=True)
    return checkpoint.describe(settings.out)


def ask(questioner: LocalGenerator, wanted: Sequence[tuple[Passage, Answer]]) -> list[str]:
    """Return a question to each answer of a passage."""
    asked = [Asked(answer.text, (context_of(passage, answer),), _ASKED) for passage, answer in wanted]
    return [spell(g.text) for g in questioner.answer(asked)]


def spell(text: str) -> str:
    """Join what word pieces put apart: it 's, well - known."""
    for pattern, tight in _TIGHT:
        text = pattern.sub(tight, text)
    return text.strip()
