"""Decoding with an untrained generator: what it says means nothing, how it is found out is what is tested."""

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from rag.cores import filled, shared_out
from rag.encoder import minilm_directory
from rag.generator.actions import NEVER, Action, ActionSpace
from rag.generator.decode import Decoded, Task
from rag.generator.evidence import Evidence
from rag.generator.model import MASKED, Generator
from rag.generator.passages import CLS, SEP, Passage, Reader, Reading, collate
from rag.generator.search import Search, Text, truncate
from rag.generator.settings import GREEDY, GenerationSettings, Style
from rag.training.data import Answer, Example
from rag.training.loss import batch_loss
from rag.training.targets import make_targets
from tests.rag.conftest import TINY, Sure, decode

TEXTS = (
    "Ada Lovelace met Charles Babbage in June 1833.",
    "The River Thames flows through London, past Windsor and Oxford, into the North Sea.",
    "Red wine comes from red grapes. White wine does not.",
)
SHORT = 12


@pytest.fixture
def model(tiny_model: Generator) -> Generator:
    return tiny_model.eval()


@pytest.fixture
def read(reader: Reader) -> Callable[[int], Reading]:
    """Reads a question with so many passages."""
    return lambda passages: reader.read("Who met Ada?", [Passage(t) for t in TEXTS[:passages]])


def evidence_of(model: Generator, *readings: Reading) -> Evidence:
    inputs = collate(readings)
    return model.encode(
        torch.from_numpy(inputs.ids), torch.from_numpy(inputs.segments), torch.from_numpy(inputs.copyable)
    )


def short(**changes: object) -> GenerationSettings:
    return GenerationSettings(max_tokens=SHORT, **changes)  # type: ignore[arg-type]


def pieces(decoded: Decoded) -> list[int]:
    return [i for action in decoded.actions for i in action.ids]


def test_questions_with_unlike_passages_and_settings_are_answered_together_as_alone(
    model: Generator, reader: Reader, read: Callable[[int], Reading]
) -> None:
    settings = [short(), short(beams=4), short(temperature=1.0, seed=5), short(beams=2), short()]
    tasks = [Task(read(n), s) for n, s in zip((3, 1, 2, 3, 1), settings, strict=True)]
    together = decode(model, reader, tasks)
    alone = [decode(model, reader, [t])[0] for t in tasks]
    assert [d.actions for d in together] == [d.actions for d in alone]
    for a, b in zip(together, alone, strict=True):
        assert a.outlook.null_log_odds == pytest.approx(b.outlook.null_log_odds, abs=1e-4)


@torch.inference_mode()
def test_going_on_from_what_is_remembered_gives_what_the_whole_text_gives(
    model: Generator, read: Callable[[int], Reading]
) -> None:
    evidence = evidence_of(model, read(2), read(3))
    parts = [[[CLS], [CLS]], [[7, 8, 9], [5]], [[6], [7, 8]]]
    past = None
    for part in parts:
        longest = max(len(ids) for ids in part)
        written = torch.tensor([[ids + [0] * (longest - len(ids))] for ids in part])
        lengths = torch.tensor([[len(ids)] for ids in part])
        step, past = model.advance(written, lengths, evidence, past)
    for question, whole in enumerate([[CLS, 7, 8, 9, 6], [CLS, 5, 7, 8]]):
        rows = torch.tensor([question])
        expected, _ = model.decode(torch.tensor([whole]), evidence.select(rows))
        torch.testing.assert_close(step.states[question, 0], expected.states[0, -1], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(step.starts[question, 0], expected.starts[0, -1], atol=1e-4, rtol=1e-4)


def test_windows_read_without_padding_or_in_slices_are_read_as_together(
    model: Generator, read: Callable[[int], Reading]
) -> None:
    together = evidence_of(model, read(3), read(1))
    with torch.inference_mode():
        packed = evidence_of(model, read(3), read(1))
        inputs = collate([read(3), read(1)])
        ids, segments = (torch.from_numpy(x).flatten(0, 1) for x in (inputs.ids, inputs.segments))
        sliced = model._read_slices(ids, segments, (ids == 0)[:, None, None, :] * MASKED)
    seen = together.bias[:, 0, 0] == 0
    for states in (packed.states, sliced.view(packed.states.shape)):
        torch.testing.assert_close(states[seen], together.states[seen], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(packed.relevance[0], together.relevance[0], atol=1e-5, rtol=1e-4)


def test_weights_are_those_of_now_until_they_are_laid_out(
    model: Generator, read: Callable[[int], Reading]
) -> None:
    changing, laid_out = Generator(model.config), Generator(model.config)
    for other in (changing, laid_out):
        other.load_state_dict(model.state_dict())
    with torch.no_grad():
        before = evidence_of(changing, read(3)).states
        laid_out.lay_out()
        torch.testing.assert_close(evidence_of(laid_out, read(3)).states, before, atol=1e-5, rtol=1e-4)
        for weight in [*changing.encoder.parameters(), *laid_out.encoder.parameters()]:
            weight.mul_(1.5)
        after = evidence_of(changing, read(3)).states
        assert not torch.allclose(after, before, atol=0.1)
        laid_out.lay_out()
        torch.testing.assert_close(evidence_of(laid_out, read(3)).states, after, atol=1e-4, rtol=1e-3)


def test_windows_are_shared_out_evenly_each_once() -> None:
    lengths = [17, 200, 31, 200, 90, 90, 250, 12, 64, 200]
    for cores in (1, 2, 4):
        parts = shared_out(lengths, cores)
        assert sorted(n for part in parts for n in part) == list(range(len(lengths)))
        tokens = [sum(lengths[n] for n in part) for part in parts]
        assert max(tokens) - min(tokens) <= max(lengths)
        assert all([lengths[n] for n in p] == sorted(lengths[n] for n in p) for p in parts)
    assert shared_out([20, 30], 2) == [[0, 1]], "a little is not worth sharing"
    assert shared_out([], 2) == []


def test_products_of_many_answers_have_few_sizes() -> None:
    sizes = {len(filled(torch.ones(tokens))) for tokens in range(513, 4097)}
    assert sizes == set(range(576, 4097, 64)), "for each of them torch keeps something"
    assert len({len(filled(torch.ones(tokens))) for tokens in range(1, 513)}) == 28
    assert filled(torch.ones(9, 2)).tolist() == [[1, 1]] * 9 + [[0, 0]] * 7
    assert filled(torch.ones(600)).sum() == 600


def test_a_text_read_beside_others_on_several_cores_is_read_as_alone(
    model: Generator, reader: Reader
) -> None:
    texts = [" ".join(TEXTS[: 1 + n % 3]) * (1 + n % 4) for n in range(40)]
    with torch.inference_mode():
        one = [evidence_of(model, reader.read("Who?", [Passage(t)])).relevance[0] for t in texts]
        torch.set_num_threads(2)
        many = evidence_of(model, *[reader.read("Who?", [Passage(t)]) for t in texts]).relevance
    for alone, among in zip(one, many, strict=True):
        torch.testing.assert_close(among[: len(alone)], alone, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_the_actions_of_a_step_share_one_distribution(model: Generator, reader: Reader) -> None:
    reading = reader.read("Who?", [Passage("Ada met him.")])  # fewer words than candidates: none is left out
    evidence = evidence_of(model, reading)
    step, _ = model.advance(torch.tensor([[[CLS]]]), torch.tensor([[1]]), evidence)
    space = ActionSpace(model, reader, [reading], evidence.states.shape[1])
    scored = space.score(step, evidence)
    gate = step.write_gate[0, 0].exp()
    writes = model.write(step.states[0, 0]).exp()
    assert scored.log_p[0, 0, 2003].exp() == pytest.approx(float(gate * writes[2003]), rel=1e-4)
    # Spans end anywhere before whole words are asked for, so that a part of what copies have is ruled out.
    assert float(writes[SEP]) < scored.log_p.exp().sum() < 1 + 1e-5
    assert float(step.null[0, 0].exp()) > 0.01


def test_log_odds_of_two_words_are_those_of_the_distribution_over_all(model: Generator) -> None:
    states = torch.randn(3, model.config.dimension, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        log_p = model.write(states)
        torch.testing.assert_close(model.log_odds(states, 5, 9), log_p[:, 5] - log_p[:, 9])


def test_copies_begin_and_end_with_words_of_one_text(model: Generator, reader: Reader) -> None:
    reading = reader.read("Who?", [Passage("Unbelievably, Babbage met Lovelace.")])
    with torch.inference_mode():
        evidence = evidence_of(model, reading)
        step, _ = model.advance(torch.tensor([[[CLS]]]), torch.tensor([[1]]), evidence)
        space = ActionSpace(model, reader, [reading], evidence.states.shape[1])
        scored = space.score(step, evidence)
    possible = [
        space.action(scored, 0, 0, int(n))
        for n in (scored.log_p[0, 0] > NEVER / 2).nonzero()
        if n >= space.vocabulary
    ]
    source = {reading.question, reading.passages[0].text}
    for action in possible:
        assert action is not None and action.window is not None
        passage, start, end = reading.characters(action.window, action.first, action.last)
        text = reading.question if passage < 0 else reading.passages[0].text
        assert text in source
        for place in (start, end):
            assert not (text[place - 1 : place].isalnum() and text[place : place + 1].isalnum())
    assert len(possible) > 10


@pytest.mark.parametrize("passages", [1, 2, 3])
def test_beams_find_what_is_at_least_as_probable(
    model: Generator, reader: Reader, read: Callable[[int], Reading], passages: int
) -> None:
    def log_p(settings: GenerationSettings) -> float:
        reading = read(passages)
        with torch.inference_mode():
            evidence = evidence_of(model, reading)
            space = ActionSpace(model, reader, [reading], evidence.states.shape[1] // passages)
            search = Search(settings, SHORT)
            step, past = model.advance(torch.tensor([[[CLS]]]), torch.tensor([[1]]), evidence)
            while True:
                search.advance(space, space.score(step, evidence), 0)
                if not search.live:
                    return search.best.log_p
                grown = [t.actions[-1].ids for t in search.live]
                written = torch.tensor([[list(i) + [0] * (max(map(len, grown)) - len(i)) for i in grown]])
                past = past.select(torch.tensor([t.parent for t in search.live]))
                step, past = model.advance(written, torch.tensor([[len(i) for i in grown]]), evidence, past)

    assert log_p(GenerationSettings(beams=8, length_penalty=0)) >= log_p(GREEDY) - 1e-4


def test_the_same_seed_gives_the_same_answer_whatever_else_is_drawn(
    model: Generator, reader: Reader, read: Callable[[int], Reading]
) -> None:
    task = Task(read(2), short(temperature=1.5, seed=11))
    (first,) = decode(model, reader, [task])
    random.seed(99)
    torch.manual_seed(99)
    other = Task(read(3), short(temperature=1.5, seed=12))
    _, again = decode(model, reader, [other, task])
    assert again.actions == first.actions


def test_an_answer_has_no_more_pieces_than_are_asked_for(
    model: Generator, reader: Reader, read: Callable[[int], Reading]
) -> None:
    for most in (1, 2, 7):
        (decoded,) = decode(model, reader, [Task(read(3), GenerationSettings(max_tokens=most))])
        assert 1 <= len(pieces(decoded)) <= most


@torch.inference_mode()
def test_a_repetition_penalty_is_taken_from_words_and_by_its_share_from_copies(
    model: Generator, reader: Reader
) -> None:
    reading = reader.read("Who?", [Passage("Ada met him.")])
    evidence = evidence_of(model, reading)
    step, _ = model.advance(torch.tensor([[[CLS]]]), torch.tensor([[1]]), evidence)
    space = ActionSpace(model, reader, [reading], evidence.states.shape[1])
    scored = space.score(step, evidence)
    ada, met = reader.pieces(["ada met"])[0].ids
    said = torch.zeros(space.vocabulary)
    said[met] = 0.6
    log_p = scored.log_p[0, 0]
    taken = log_p - space.penalise(log_p, scored, 0, 0, said)
    assert (taken[ada], taken[met]) == (pytest.approx(0), pytest.approx(0.6, abs=1e-4))
    shares = {}
    for number in (log_p > NEVER / 2).nonzero().flatten().tolist():
        action = space.action(scored, 0, 0, number)
        if action and action.window is not None:
            shares[action.ids] = float(taken[number])
    assert shares[(ada, met)] == pytest.approx(0.3, abs=1e-4)
    assert shares[(met,)] == pytest.approx(0.6, abs=1e-4)
    assert shares[(ada,)] == pytest.approx(0, abs=1e-4)


class _Counter:
    """Follows an answer and ends it after so many steps."""

    def __init__(self, steps: int, *, wants: bool = True, begins: bool = True) -> None:
        self.steps, self.wants, self.begins = steps, wants, begins
        self.told: list[int] = []
        self.probability: float | None = None

    def wanted(self) -> bool:
        return self.wants

    def begin(self, answerable_probability: float) -> bool:
        assert self.probability is None and not self.told
        self.probability = answerable_probability
        return self.begins

    def go_on(self, actions: tuple[Action, ...]) -> bool:
        self.told.append(len(actions))
        return len(self.told) < self.steps


@pytest.mark.parametrize("later", [False, True])
def test_who_follows_an_answer_can_end_it(
    model: Generator, reader: Reader, read: Callable[[int], Reading], later: bool
) -> None:
    unwanted, withheld, stopped = _Counter(9, wants=False), _Counter(9, begins=False), _Counter(2)
    followers = (unwanted, withheld, stopped)
    tasks = [Task(read(n), short(), follower=one) for n, one in enumerate(followers, 1)]
    no, none, early, whole = decode(model, reader, [*tasks, Task(read(4), short())], Sure(later=later))
    assert (no.actions, unwanted.told, unwanted.probability) == ((), [], None)
    assert (none.actions, withheld.told, withheld.probability) == ((), [], 1.0)
    assert (len(early.actions), stopped.told) == (2, [1, 2])
    assert whole.actions == decode(model, reader, [Task(read(4), short())])[0].actions


def test_who_follows_is_told_the_probability_before_the_end(
    model: Generator, reader: Reader, read: Callable[[int], Reading]
) -> None:
    """Of what may be quoted nothing is told until it is complete."""
    follower = _Counter(9)
    task = Task(read(3), replace(short(), style=Style.SENTENCE), Style.SENTENCE, follower)
    (decoded,) = decode(model, reader, [task], Sure(later=True))
    assert follower.probability == decoded.answerable_probability == 1.0
    assert decoded.actions and len(follower.told) == len(decoded.actions)


def test_truncation_by_hand() -> None:
    log_p = torch.tensor([0.1, 0.4, 0.2, 0.3]).log()

    def kept(**changes: object) -> list[int]:
        settings = GenerationSettings(temperature=1.0, **changes)  # type: ignore[arg-type]
        return (truncate(log_p, settings) > NEVER / 2).nonzero().flatten().tolist()

    assert kept() == [0, 1, 2, 3]
    assert kept(top_k=2) == [1, 3]
    assert kept(top_p=0.5) == [1, 3]
    assert kept(top_p=0.01) == [1]
    assert kept(min_p=0.45) == [1, 2, 3]
    assert kept(top_k=3, top_p=0.75) == [1, 3]  # of the three that are left, two have 7/9


def test_equal_words_from_several_places_are_one_answer() -> None:
    from rag.generator.search import _merge

    london = Text((Action((7,), 0, 3, 3),), (7,), math.log(0.3), 1)
    other = replace(london, actions=(Action((7,), 2, 5, 5),), log_p=math.log(0.2))
    (merged,) = _merge([other, london])
    assert merged.actions == london.actions
    assert merged.log_p == pytest.approx(math.log(0.5))


def test_a_model_with_a_start_for_sentences_answers_in_both_forms() -> None:
    reader = Reader(minilm_directory() / "tokenizer.json", replace(TINY, sentence_start=1))
    torch.manual_seed(1)
    model = Generator(reader.config)
    answer = Answer("June 1833", TEXTS[0].index("June"))
    example = Example(
        "1", "t", "When did they meet?", (Passage(TEXTS[0]),), 0, (answer,), "they met in june 1833 ."
    )
    targets = [t for t in make_targets(example, reader, random.Random(0)) if t]
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        batch_loss(model, targets).total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    reading = reader.read(example.question, example.passages)
    tasks = [Task(reading, GREEDY, Style.SPAN), Task(reading, GREEDY, Style.SENTENCE)]
    span, sentence = decode(model.eval(), reader, tasks)
    assert len(span.actions) == 1
    assert pieces(span) == reader.pieces(["june 1833"])[0].ids
    assert pieces(sentence) == reader.pieces(["they met in june 1833 ."])[0].ids
    assert span.outlook.null_log_odds == pytest.approx(sentence.outlook.null_log_odds, abs=1e-4)
