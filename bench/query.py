"""Question understanding: follow-ups rewritten as expected, and what spelling correction gains.

    python -m bench.query --follow-ups tests/rag/follow_ups.jsonl --qa FILE… --cache FOLDER --out FILE

Follow-ups are rewritten by rules and, with --generator hf:FOLDER or openai:URL#MODEL, by that language model.
Spelling: in one word of each question two neighbouring letters are swapped or one is left out; measured is
whether the question's own passage is among the first 1 and 5 hits, for the question as it was written, with
the slip, and with the slip corrected.
"""

import argparse
import json
import os
import random
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from api.lazy import Lazy
from bench.environment import environment, write_json
from bench.retrieval import CachedEncoder, collection_of_questions, first_queries
from rag.encoder import Encoder
from rag.evaluation.passage_index import PassageIndex
from rag.evaluation.retrieval import Collection, measure
from rag.generator.load import GeneratorChoice, load_generator
from rag.generator.prompt import Talks
from rag.query.exchange import Exchange
from rag.query.follow_up import make_standalone
from rag.query.rewrite import Rewriter
from rag.query.spelling import correct
from rag.query.understand import MakeStandalone

MIN_LETTERS = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--follow-ups", type=Path)
    parser.add_argument("--generator", help="a language model that rewrites follow-ups too")
    parser.add_argument("--qa", type=Path, nargs="*", default=[])
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    figures: dict[str, Any] = {}
    if arguments.follow_ups:
        figures["follow_ups"] = follow_ups(arguments.follow_ups, make_standalone)
        if arguments.generator:
            rewriter = Rewriter(Lazy(lambda: language_model(arguments.generator)).get)
            figures["follow_ups_by_generator"] = {
                "generator": arguments.generator,
                **follow_ups(arguments.follow_ups, rewriter),
            }
    if arguments.qa:
        collection = first_queries(collection_of_questions(arguments.qa), arguments.questions, arguments.seed)
        encoder = CachedEncoder(Encoder(), arguments.cache)
        figures["left_alone"] = left_alone(collection)
        figures["spelling"] = spelling(collection, encoder, random.Random(arguments.seed))
        encoder.save()
    print(json.dumps(figures, indent=2))
    if arguments.out:
        write_json(figures, arguments.out, env)


def language_model(name: str) -> Talks:
    """A generator that can rewrite.

    Raises:
        SystemExit: it only answers questions.
    """
    model = load_generator(GeneratorChoice(name, os.environ.get("RAG_GENERATOR_API_KEY")), _no_reranker)
    if not isinstance(model, Talks):
        raise SystemExit(f"{name} is no language model: give hf:FOLDER or openai:URL#MODEL")
    return model


def _no_reranker() -> NoReturn:
    raise AssertionError("nothing is reranked here")


def follow_ups(file: Path, make_standalone: MakeStandalone) -> dict[str, dict[str, float]]:
    """By part of the file: the share of follow-ups rewritten as expected, and of others left alone.

    Expected is the very wording, up to capitals and punctuation.
    """
    rows: dict[str, dict[str, list[bool]]] = {}
    for line in file.read_text().splitlines():
        case = json.loads(line)
        found = make_standalone(case["question"], [Exchange(*turn) for turn in case["before"]])
        right = _words(found.question if found else None) == _words(case["expected"])
        kind = "left_alone" if case["expected"] is None else "rewritten"
        rows.setdefault(case["part"], {}).setdefault(kind, []).append(right)
    return {
        part: {name: value for kind, hits in kinds.items() for name, value in _share(kind, hits)}
        for part, kinds in rows.items()
    }


def _words(question: str | None) -> list[str] | None:
    return None if question is None else re.findall(r"\w+", question.casefold())


def _share(kind: str, hits: Sequence[bool]) -> list[tuple[str, float]]:
    return [(kind, sum(hits) / len(hits)), (f"{kind}_n", len(hits))]


def left_alone(collection: Collection) -> float:
    """The share of questions that stay as they are behind another question on another subject."""
    asked = list(collection.queries.values())
    before = [Exchange("When was the old bridge in Prague built?", "1357")]
    return sum(make_standalone(question, before) is None for question in asked) / len(asked)


class PassageWords:
    """The words of an index of passages."""

    def __init__(self, index: PassageIndex) -> None:
        self._index = index

    def has_words(self) -> bool:
        """Tell whether there is anything at all."""
        return bool(self._index.texts)

    def knows(self, word: str) -> bool:
        """Tell whether a passage has a word."""
        return self._index.keywords.count(word) > 0

    def texts_like(self, word: str, distance: int) -> list[str]:
        """Return some passages with a word spelt much like this one."""
        return [self._index.texts[i] for i in self._index.keywords.similar(word, distance, 50).tolist()]


def spelling(collection: Collection, encoder: CachedEncoder, rng: random.Random) -> dict[str, Any]:
    """Hit rates for questions as they were written, with a slip, and with the slip corrected."""
    texts = [f"{p.title}\n{p.text}".strip() for p in collection.passages]
    slipped = {i: slip(question, rng) for i, question in collection.queries.items()}
    with tempfile.TemporaryDirectory(prefix="bench-query-") as folder:
        index = PassageIndex(texts, encoder, Path(folder) / "index")
        words = PassageWords(index)
        corrected = {i: correct(question, words).query for i, question in slipped.items()}
        untouched = [correct(question, words).query == question for question in collection.queries.values()]
        rows = {}
        for name, queries in (
            ("written", collection.queries),
            ("slipped", slipped),
            ("corrected", corrected),
        ):
            asked = Collection(collection.ids, collection.passages, queries, collection.grades)
            found = measure(asked, lambda query: index.search(query, "weighted", 20))
            rows[name] = {figure: found[figure] for figure in ("hit@1", "hit@5")}
        index.close()
    restored = [corrected[i] == question for i, question in collection.queries.items()]
    return {
        "questions": len(slipped),
        "restored_share": sum(restored) / len(restored),
        "untouched_share": sum(untouched) / len(untouched),
        **rows,
    }


def slip(question: str, rng: random.Random) -> str:
    """The question with two letters of one word swapped, or one left out, behind its first letter."""
    found = [m for m in re.finditer(r"[^\W\d_]+", question) if len(m.group()) >= MIN_LETTERS]
    if not found:
        return question
    match = rng.choice(found)
    word = match.group()
    at = rng.randrange(1, len(word) - 1)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    wrong = swapped if rng.random() < 0.5 and swapped != word else word[:at] + word[at + 1 :]
    return question[: match.start()] + wrong + question[match.end() :]


if __name__ == "__main__":
    main()
