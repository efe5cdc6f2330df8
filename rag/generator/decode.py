"""From the model's distributions to answers, for several questions at once.

The encoder reads the passages of all questions; the decoder then takes one step after the other, for every
text that is followed for any of them, and keeps keys and values of what it has seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from rag.generator.actions import Action, ActionSpace
from rag.generator.evidence import Evidence, Past, Step
from rag.generator.model import MASKED, Generator
from rag.generator.passages import CLS, Reader, Reading, collate
from rag.generator.quote import VERDICTS, Pointers, Quoter, well_said
from rag.generator.search import Search
from rag.generator.settings import GenerationSettings, Style

SERIES_PIECES = 256
"""The longest list that is quoted whole, in word pieces: more than an answer of another form may have."""


@dataclass(frozen=True)
class Outlook:
    """What the evidence says before anything is written."""

    null_log_odds: float
    """log p(abstain) − log p(anything else) at the first step."""
    relevance: tuple[float, ...]
    """For each window, the logit that it holds the answer."""
    focus: tuple[int, int]
    """Window and token with the most mass in the first step's start pointer."""
    read: tuple[bool, ...]
    """For each window, whether it was read to the end."""


@dataclass(frozen=True)
class Decoded:
    """What the decoder did for one question, and how sure the model is that there is an answer."""

    actions: tuple[Action, ...]
    outlook: Outlook
    answerable_probability: float


class Follower(Protocol):
    """Who is told of an answer while it is made, and may end it."""

    def wanted(self) -> bool:
        """Whether the answer is wanted; asked until it is begun."""

    def begin(self, answerable_probability: float) -> bool:
        """Told once, before anything is written; False ends the answer."""

    def go_on(self, actions: tuple[Action, ...]) -> bool:
        """Told after each step of the actions that the answer begins with; False ends it."""


@dataclass(frozen=True)
class Task:
    """One answer to decode."""

    reading: Reading
    settings: GenerationSettings
    style: Style = Style.SPAN
    follower: Follower | None = None
    verdict: bool = False
    """Whether yes or no is asked for."""
    cells: tuple[Action, ...] = ()
    """Copies of cells of a table that were looked up: they are the answer, and nothing is written."""

    @property
    def quotes(self) -> bool:
        """Whether sentences of the passages may take the place of what is written."""
        return self.style is Style.SENTENCE and self.settings.quotes and not self.cells


class Chances(Protocol):
    """How probable it is that there are answers, which is found out while they are decoded."""

    def ready(self) -> bool:
        """Whether it is known."""

    def of(self, number: int) -> float:
        """The probability for one of the tasks; waits until it is known."""


Weigh = Callable[[Sequence[Task], Sequence[Outlook]], Chances]
"""From what the evidence says to how probable answers are."""


@torch.inference_mode()
def decode(model: Generator, reader: Reader, tasks: Sequence[Task], weigh: Weigh) -> list[Decoded]:
    """Answer questions; the encoder reads all of them at once. Each needs a passage at least."""
    if not tasks:
        return []
    device = model.words.weight.device
    inputs = collated([t.reading for t in tasks], device)
    evidence = model.encode(inputs.ids, inputs.segments, inputs.copyable)
    short = first = model.advance(*_starts([CLS] * len(tasks), device), evidence)
    outlooks = [_outlook(first[0], evidence, q, len(t.reading.windows)) for q, t in enumerate(tasks)]
    searches = [Search(t.settings, model.config.answer_tokens) for t in tasks]
    chances = weigh(tasks, outlooks)
    told = [_Told(task.follower, chances, number) for number, task in enumerate(tasks)]
    for task, search in zip(tasks, searches, strict=True):
        if task.cells or (task.follower and not task.follower.wanted()):
            search.stop()
    if any(t.style is Style.SENTENCE for t in tasks):
        starts = [_start(model, t.style) for t in tasks]
        first = model.advance(*_starts(starts, device), evidence)
    _Decoding(model, reader, tasks, searches, told=told, evidence=evidence, first=first).run()
    quoter = Quoter(reader) if any(t.quotes for t in tasks) else None
    decoded = []
    for number, (task, search) in enumerate(zip(tasks, searches, strict=True)):
        wanted = told[number].begun()
        actions = search.best.actions if wanted else ()
        if quoter and task.quotes and wanted:
            pointers = _pointers(model, reader, evidence, (short[0], first[0]), number)
            actions = _sentences(task, search, quoter, reader, pointers)
        elif task.cells and wanted:
            actions = task.cells
            if task.follower:
                task.follower.go_on(actions)
        decoded.append(Decoded(actions, outlooks[number], chances.of(number)))
    return decoded


def _sentences(
    task: Task, search: Search, quoter: Quoter, reader: Reader, pointers: Pointers
) -> tuple[Action, ...]:
    """What was written where it can be given, else quotes; the follower is told of it piece by piece."""
    written = search.best
    actions = written.actions
    if not well_said(actions, written.score(1.0), task.reading, reader):
        quotes = quoter.quotes(
            task.reading,
            pointers,
            search.most_pieces,
            verdict=task.verdict,
            series_pieces=task.settings.max_tokens or SERIES_PIECES,
        )
        actions = quotes or actions
    if task.follower:
        for number in range(len(actions)):
            if not task.follower.go_on(actions[: number + 1]):
                break
    return actions


def _pointers(
    model: Generator, reader: Reader, evidence: Evidence, steps: tuple[Step, Step], question: int
) -> Pointers:
    """What the decoder would begin an answer to one of the questions with: short, and as a sentence."""
    starts = (evidence.by_window(question, step.starts[question, 0].exp()) for step in steps)
    short, sentence = (each.cpu().numpy() for each in starts)
    yes, no = (reader.pieces([word])[0].ids[0] for word in VERDICTS)
    return Pointers(short, sentence, float(model.log_odds(steps[1].states[question, 0], yes, no)))


@torch.inference_mode()
def relevance_logits(model: Generator, readings: Sequence[Reading]) -> list[float]:
    """For each reading, the largest logit, over its windows, that a passage holds the answer."""
    inputs = collated(readings, model.words.weight.device)
    logits = model.relevance_of(inputs.ids, inputs.segments)
    absent = inputs.ids[:, :, 0] == 0
    return [float(x) for x in logits.masked_fill(absent, MASKED).amax(dim=1)]


@dataclass(frozen=True)
class Collated:
    """What `Generator.encode` takes."""

    ids: Tensor
    segments: Tensor
    copyable: Tensor


def collated(readings: Sequence[Reading], device: torch.device) -> Collated:
    """The windows of several questions, padded to equal numbers and lengths."""
    inputs = collate(readings)
    arrays = (inputs.ids, inputs.segments, inputs.copyable)
    return Collated(*(torch.from_numpy(array).to(device) for array in arrays))


def first_step(model: Generator, evidence: Evidence) -> Step:
    """The distributions with which short answers to B questions begin."""
    step, _ = model.advance(*_starts([CLS] * len(evidence.states), evidence.states.device), evidence)
    return step


def _start(model: Generator, style: Style) -> int:
    sentence_start = model.config.sentence_start
    return sentence_start if style is Style.SENTENCE and sentence_start is not None else CLS


def _starts(pieces: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """The first word pieces `(B, 1, 1)` of one text for each question, and their number `(B, 1)`."""
    written = torch.tensor(pieces, device=device).view(-1, 1, 1)
    return written, torch.ones(len(pieces), 1, dtype=torch.long, device=device)


def _outlook(first: Step, evidence: Evidence, question: int, windows: int) -> Outlook:
    """Always from the usual start, so that the form of an answer does not change whether there is one."""
    abstain = first.copy_gate[question, 0] + first.null[question, 0]
    odds = abstain - torch.log1p(-abstain.exp().clamp(max=1 - 1e-6))
    place, token = divmod(int(first.starts[question, 0].argmax()), evidence.tokens)
    window = int(evidence.windows[question, place])
    relevance, read = (tuple(x[question, :windows].tolist()) for x in (evidence.relevance, evidence.read))
    return Outlook(float(odds), relevance, (window, token), read)


class _Told:
    """A follower that is told how probable an answer is once that is known, and before the answer itself."""

    def __init__(self, follower: Follower | None, chances: Chances, number: int) -> None:
        self._follower = follower
        self._chances = chances
        self._number = number
        self._begun: bool | None = None

    def begun(self) -> bool:
        """Whether the answer goes on after its beginning, which it has at the latest now."""
        if self._follower is None:
            return True
        if self._begun is None:
            self._begun = self._follower.wanted() and self._follower.begin(self._chances.of(self._number))
        return self._begun

    def go_on(self, actions: tuple[Action, ...]) -> bool:
        """Tell what the answer begins with, if there is anything; False ends it."""
        if self._follower is None:
            return True
        if not actions and not self._chances.ready():
            return self._follower.wanted()
        return self.begun() and self._follower.go_on(actions)


class _Decoding:
    """The steps after the first, for the questions whose answers are not complete."""

    def __init__(
        self,
        model: Generator,
        reader: Reader,
        tasks: Sequence[Task],
        searches: Sequence[Search],
        *,
        told: "Sequence[_Told]",
        evidence: Evidence,
        first: tuple[Step, Past],
    ) -> None:
        self._model = model
        self._tasks = tasks
        self._searches = searches
        self._told = told
        self._evidence = evidence
        self._step, self._past = first
        self._texts = 1  # H, texts that there are places for
        self._space = ActionSpace(
            model, reader, [t.reading for t in tasks], evidence.tokens, evidence.windows.tolist()
        )
        self._open = list(range(len(tasks)))  # the tasks, in the order of the tensors' first axis

    def run(self) -> None:
        """Decode until every answer is complete."""
        while True:
            scored = None
            for question, number in enumerate(self._open):
                search = self._searches[number]
                if not search.live:
                    continue
                scored = scored or self._space.score(self._step, self._evidence)
                search.advance(self._space, scored, question)
                settled = () if self._tasks[number].quotes else search.settled  # a quote may take its place
                if not self._told[number].go_on(settled):
                    search.stop()
            if not self._keep_unfinished():
                return
            self._feed()

    def _keep_unfinished(self) -> bool:
        """Let go of complete answers; False when there are no others."""
        going_on = [q for q, number in enumerate(self._open) if self._searches[number].live]
        if going_on and len(going_on) < len(self._open):
            rows = torch.tensor(going_on, device=self._evidence.states.device)
            self._evidence = self._evidence.select(rows)
            self._space.select(going_on)
            texts = torch.arange(self._texts, device=rows.device)
            self._past = self._past.select((rows[:, None] * self._texts + texts).flatten())
        self._open = [self._open[q] for q in going_on]
        return bool(going_on)

    def _feed(self) -> None:
        """Give the decoder the word pieces that each text grew by."""
        device = self._evidence.states.device
        live = [self._searches[number].live for number in self._open]
        H = max(len(texts) for texts in live)
        L = max(len(t.actions[-1].ids) for texts in live for t in texts)
        written = torch.zeros(len(live), H, L, dtype=torch.long)
        lengths = torch.ones(len(live), H, dtype=torch.long)  # places without a text are computed and ignored
        parents = torch.zeros(len(live), H, dtype=torch.long)
        for question, texts in enumerate(live):
            for row, text in enumerate(texts):
                ids = text.actions[-1].ids
                written[question, row, : len(ids)] = torch.tensor(ids)
                lengths[question, row] = len(ids)
                parents[question, row] = text.parent
        rows = torch.arange(len(live))[:, None] * self._texts + parents
        past = self._past.select(rows.flatten().to(device))
        self._texts = H
        self._step, self._past = self._model.advance(
            written.to(device), lengths.to(device), self._evidence, past
        )
