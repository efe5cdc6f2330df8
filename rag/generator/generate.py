"""The generator as the rest of the system sees it: a question and passages in, an answer with sources out."""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rag.cores import Cores
from rag.encoder import minilm_directory
from rag.errors import GenerationError
from rag.generator import checkpoint
from rag.generator.actions import Action, copy_of
from rag.generator.calibration import (
    Calibration,
    Judgement,
    SentenceJudge,
    calibration_of,
    sigmoid,
)
from rag.generator.cells import Found, TableReader
from rag.generator.compose import Segment, compose
from rag.generator.decode import SERIES_PIECES, Decoded, Outlook, Task, decode, relevance_logits
from rag.generator.passages import Passage, Reader, Reading
from rag.generator.pruning import Pruning
from rag.generator.scripts import pointless_because, unreadable_because
from rag.generator.settings import GREEDY, GenerationSettings, Style
from rag.generator.stems import ContentStems
from rag.generator.style import resolve_style, wants_verdict
from rag.generator.words import sentence_around

CELL_PROBABILITY = 0.9
"""That a cell answers which was looked up by the words of a question: a rule's, not a measured one."""


@dataclass(frozen=True)
class Generated:
    """An answer, the parts it is made of, and what the model thinks of the evidence."""

    text: str
    segments: tuple[Segment, ...]
    answerable_probability: float
    null_log_odds: float
    relevance: tuple[float, ...]
    """For each passage, between 0 and 1: it holds the answer."""
    focus: tuple[int, int] | None
    """Passage, and character in it, that the first step points at most; None without passages."""
    missing_share: float = 0.0
    """Share of the question's content words that the sentence of the focus, and its title, lack."""
    refusal: str | None = None
    """Why the generator itself does not answer; None where it does."""
    passages_read: int = 0
    """How many passages were read to the end."""


class Watcher(Protocol):
    """Who is told of an answer while it is made, and may end it."""

    def wanted(self) -> bool:
        """Whether the answer is still wanted; asked before it is begun and at every step."""

    def begin(self, answerable_probability: float) -> bool:
        """Told, before anything is written, how probable it is that there is an answer; False ends it."""

    def write(self, text: str) -> None:
        """Told of each further part of the answer."""


class AnswerGenerator(Protocol):
    """What writes answers; several threads may use it at once."""

    @property
    def name(self) -> str:
        """What the log calls it."""

    @property
    def calibration(self) -> Calibration:
        """When it abstains."""

    def check(self, settings: GenerationSettings) -> None:
        """See whether answers can be made in this way.

        Raises:
            GenerationError: they cannot.
        """

    def generate(
        self,
        question: str,
        passages: Sequence[Passage],
        settings: GenerationSettings = GREEDY,
        watcher: Watcher | None = None,
        *,
        user: str = "",
    ) -> Generated:
        """Answer a question of this user; without passages the text is empty."""

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """For each passage, between 0 and 1: it holds the answer."""


@dataclass(frozen=True)
class Asked:
    """A question, what to answer it from, and how."""

    question: str
    passages: tuple[Passage, ...]
    settings: GenerationSettings = GREEDY
    watcher: Watcher | None = None
    """None waits for the answer."""


class LocalGenerator:
    """The checkpoint of `rag train`, loaded and ready to answer."""

    def __init__(
        self,
        directory: Path,
        device: str = "cpu",
        precision: str = "float32",
        *,
        prunes: bool = True,
        judge: SentenceJudge | None = None,
    ) -> None:
        """Load a checkpoint.

        Args:
            directory: where it is.
            device: what computes.
            precision: `float32` or `bfloat16`, of what is computed once per passage.
            prunes: whether windows that promise little are not read to the end, where the checkpoint can.
            judge: looks again at the sentence pointed at, where the checkpoint was calibrated with it.

        Raises:
            CheckpointError: there is none, it is damaged, or it is of another configuration.
        """
        description = checkpoint.describe(directory)
        self.model = checkpoint.load(directory, device)
        if precision == "bfloat16":
            self.model.read_in_bfloat16()
        if device == "cpu":
            self.model.lay_out()
        if prunes and "pruning" in description:
            config = self.model.config
            self.model.prune(
                Pruning.from_dict(description["pruning"], config.dimension, config.encoder_layers)
            )
        self.reader = Reader(minilm_directory() / "tokenizer.json", self.model.config)
        self.calibration = calibration_of(description, directory, judge)
        self._judge = judge if self.calibration.judge else None
        self._judging = Cores("judge")
        self.name = model_name(description)
        self._stems = ContentStems()
        self._tables = TableReader()

    def check(self, settings: GenerationSettings) -> None:
        """See whether answers can be made in this way.

        Raises:
            GenerationError: they cannot.
        """
        if settings.style is Style.SENTENCE and self.model.config.sentence_start is None:
            raise GenerationError(
                f"style is 'sentence', but the model {self.name} was not trained to answer in sentences: "
                "use 'auto' or 'span', or another generator"
            )

    def generate(
        self,
        question: str,
        passages: Sequence[Passage],
        settings: GenerationSettings = GREEDY,
        watcher: Watcher | None = None,
    ) -> Generated:
        """Answer one question; without passages there is nothing to answer from and the text is empty.

        Raises:
            GenerationError: this generator cannot answer with these settings.
        """
        return self.answer([Asked(question, tuple(passages), settings, watcher)])[0]

    def generate_many(
        self,
        asked: Sequence[tuple[str, Sequence[Passage]]],
        settings: GenerationSettings = GREEDY,
    ) -> list[Generated]:
        """Answer several questions, each from its own passages, all with the same settings.

        Raises:
            GenerationError: this generator cannot answer with these settings.
        """
        return self.answer([Asked(question, tuple(passages), settings) for question, passages in asked])

    def answer(self, asked: Sequence[Asked]) -> list[Generated]:
        """Answer several questions, each from its own passages, in one pass of the encoder.

        Raises:
            GenerationError: this generator cannot answer with the settings of one of them.
        """
        for one in asked:
            self.check(one.settings)
        readings = [self.reader.read(one.question, one.passages) for one in asked]
        readable = [(one, r) for one, r in zip(asked, readings, strict=True) if r.windows]
        tasks = [self._task(one, r) for one, r in readable]
        decoded = zip(tasks, decode(self.model, self.reader, tasks, self._weigh), strict=True)
        return [self._finish(*next(decoded)) if r.windows else EMPTY for r in readings]

    def relevance(self, question: str, passages: Sequence[Passage], batch_size: int = 16) -> list[float]:
        """For each passage, between 0 and 1: it holds the answer. No answer is decoded."""
        logits: list[float] = []
        for begin in range(0, len(passages), batch_size):
            readings = [self.reader.read(question, [p]) for p in passages[begin : begin + batch_size]]
            logits += relevance_logits(self.model, readings)
        return [sigmoid(x) for x in logits]

    def _task(self, asked: Asked, reading: Reading) -> Task:
        style = resolve_style(
            asked.settings.style,
            asked.question,
            [passage.title for passage in asked.passages],
            speaks_sentences=self.model.config.sentence_start is not None,
        )
        cells = () if asked.settings.style is Style.SENTENCE else self._cells(reading, asked.settings)
        follower = _Spelling(self, reading, asked.watcher) if asked.watcher else None
        return Task(reading, asked.settings, style, follower, wants_verdict(asked.question), cells)

    def _cells(self, reading: Reading, settings: GenerationSettings) -> tuple[Action, ...]:
        """Copies of the cells that a question asks for, with commas between, where a table has them."""
        found = self._tables.list_column(reading.question, reading.passages)
        found = found or self._tables.look_up(reading.question, reading.passages)
        copies = [self._copy(reading, cell) for cell in found]
        between = Action((self.reader.pieces([","])[0].ids[0],))
        actions = [a for copy in copies if copy for a in (copy, between)][:-1]
        fits = sum(len(a.ids) for a in actions) <= (settings.max_tokens or SERIES_PIECES)
        return tuple(actions) if fits and all(copies) else ()

    def _copy(self, reading: Reading, cell: Found) -> Action | None:
        at = reading.positions(cell.passage, cell.start, cell.end)
        return copy_of(reading, *at) if at else None

    def _finish(self, task: Task, decoded: Decoded) -> Generated:
        reading = task.reading
        composed = compose(decoded.actions, reading, self.reader)
        outlook = decoded.outlook
        pointed = _pointed_at(task, outlook)
        return Generated(
            text=composed.text,
            segments=composed.segments,
            answerable_probability=decoded.answerable_probability,
            null_log_odds=outlook.null_log_odds,
            relevance=tuple(sigmoid(x) for x in best_of_windows(reading, outlook)),
            focus=focus_of(reading, outlook),
            missing_share=self._stems.share_missing(reading.question, pointed or ""),
            refusal=self.refuses(reading),
            passages_read=passages_read(reading, outlook),
        )

    def refuses(self, reading: Reading) -> str | None:
        """Why the question cannot be answered from these passages at all; None where it can be tried."""
        return unreadable_because(reading) or pointless_because(reading, self._stems)

    def _weigh(self, tasks: Sequence[Task], outlooks: Sequence[Outlook]) -> "_Chances":
        """Find out how probable answers are, while they are decoded."""
        pointed = [_pointed_at(task, outlook) for task, outlook in zip(tasks, outlooks, strict=True)]
        pairs = [(task.reading.question, text) for text, task in zip(pointed, tasks, strict=True) if text]

        def probabilities(judgements: Sequence[Judgement]) -> list[float]:
            said = iter(judgements)
            judged = [next(said, None) if text else None for text in pointed]
            each = zip(tasks, outlooks, pointed, judged, strict=True)
            return [self._probability(task, outlook, text, one) for task, outlook, text, one in each]

        judge = self._judge
        if judge is None:
            return _Chances(None, probabilities)
        return _Chances(self._judging.begin(lambda: judge.judge(pairs)), probabilities)

    def _probability(
        self, task: Task, outlook: Outlook, pointed: str | None, judgement: Judgement | None
    ) -> float:
        """The calibrated probability that the passages hold the answer; with looked-up cells a high one."""
        reading = task.reading
        probability = self.calibration.probability(
            outlook.null_log_odds,
            max(best_of_windows(reading, outlook)),
            passages_read(reading, outlook),
            self._stems.share_missing(reading.question, pointed or ""),
            sum(bool(p.title) for p in reading.passages) / len(reading.passages),
            judgement=judgement,
        )
        return max(probability, CELL_PROBABILITY) if task.cells else probability


class _Chances:
    """Probabilities that wait for what the judge says."""

    def __init__(
        self,
        judged: "Future[list[Judgement]] | None",
        probabilities: Callable[[Sequence[Judgement]], list[float]],
    ) -> None:
        self._judged = judged
        self._probabilities = probabilities
        self._found: list[float] | None = None

    def ready(self) -> bool:
        return self._judged is None or self._judged.done()

    def of(self, number: int) -> float:
        if self._found is None:
            self._found = self._probabilities(self._judged.result() if self._judged else [])
        return self._found[number]


class _Spelling:
    """Turns what the decoder does into text, for who waits for the words."""

    def __init__(self, generator: LocalGenerator, reading: Reading, watcher: Watcher) -> None:
        self._generator, self._reading, self._watcher = generator, reading, watcher
        self._told = 0

    def wanted(self) -> bool:
        return self._watcher.wanted() and not self._generator.refuses(self._reading)

    def begin(self, answerable_probability: float) -> bool:
        return self._watcher.begin(answerable_probability)

    def go_on(self, actions: tuple[Action, ...]) -> bool:
        text = compose(actions, self._reading, self._generator.reader).text
        told, self._told = self._told, max(self._told, len(text))
        if len(text) > told:
            self._watcher.write(text[told:])
        return self._watcher.wanted()


EMPTY = Generated("", (), 0.0, 30.0, (), None)


def focus_of(reading: Reading, outlook: Outlook) -> tuple[int, int] | None:
    """Passage, and character in it, that the first step points at most; None where it is the question."""
    window, piece = outlook.focus
    passage, start, _ = reading.characters(window, piece, piece)
    return (passage, start) if passage >= 0 else None


def sentence_at(passages: Sequence[Passage], focus: tuple[int, int] | None) -> str | None:
    """The sentence that holds a place, under its passage's title; None where there is no place."""
    if focus is None:
        return None
    passage = passages[focus[0]]
    start, end = sentence_around(passage.text, focus[1])
    return f"{passage.title}\n{passage.text[start:end]}"


def _pointed_at(task: Task, outlook: Outlook) -> str | None:
    return sentence_at(task.reading.passages, focus_of(task.reading, outlook))


def best_of_windows(reading: Reading, outlook: Outlook) -> list[float]:
    """For each passage, the largest relevance logit of its windows."""
    by_passage = [-30.0] * len(reading.passages)
    for window, logit in zip(reading.windows, outlook.relevance, strict=True):
        by_passage[window.passage] = max(by_passage[window.passage], logit)
    return by_passage


def passages_read(reading: Reading, outlook: Outlook) -> int:
    """How many passages were read to the end, in a window at least."""
    windows = zip(reading.windows, outlook.read, strict=True)
    return len({window.passage for window, read in windows if read})


def model_name(description: dict[str, Any]) -> str:
    """Name a checkpoint by what it is: `groundwork-` and a digest of its description."""
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
    return f"groundwork-{digest[:10]}"
