"""Questions made from claims that people checked against evidence.

A span that claim and evidence share is asked for: "Poldark airs on HBO." becomes "What airs on HBO?". Where
the evidence supports the claim, it answers the question; where it does not, the rest of the claim is wrong or
missing, and the evidence only seems to answer. Both are made by the same rule, so that nothing but the
evidence tells them apart. Such claims are in FEVER (Thorne et al. 2018, arXiv 1803.05355) and in SciTail
(Khot, Sabharwal and Clark 2018).
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rag.errors import DataError
from rag.generator.passages import Passage
from rag.generator.words import FUNCTION_WORDS
from rag.training.data import Answer, Example, read_lines

LONGEST_WORDS = 5
LEAST_REST_WORDS = 3
"""Content words that a question must keep, to be about something."""
LEAST_LETTERS = 3
FIRST_SHARE = 0.7
"""How often the first shared span is asked for, which is mostly what the claim is about; else any other."""
_WORD = re.compile(r"\w[\w'’.-]*\w|\w")
_SPACED = (
    (re.compile(r"-LRB- ?"), "("),
    (re.compile(r" ?-RRB-"), ")"),
    (re.compile(r"-LSB- ?"), "["),
    (re.compile(r" ?-RSB-"), "]"),
    (re.compile(r" ([,.;:!?%)\]]|'s\b|n't\b|'')"), r"\1"),
    (re.compile(r"(`` ?|([(\[$]) )"), r"\2"),
)
"""How a treebank's tokenisation is undone."""


@dataclass(frozen=True)
class _Shared:
    """A span of the claim, and where the evidence has it."""

    start: int
    end: int
    at: int


def claim_examples(path: Path, seed: int) -> Iterator[Example]:
    """Yield a question for each claim of a file that shares a span with its evidence.

    Args:
        path: lines with `id, source, evidence, claim, supported`, as for `rag train-scorer`.
        seed: chooses the spans.

    Raises:
        DataError: the file cannot be read, or a line is not such a claim; the message has its number.
    """
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            name, source = str(record["id"]), str(record["source"])
            claim, evidence = unspaced(record["claim"]), unspaced(record["evidence"])
            supported = bool(record["supported"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}, line {number}: not a claim ({type(error).__name__}: {error}). "
                "Expected an object with id, source, evidence, claim and supported."
            ) from error
        asked = ask(claim, evidence, random.Random(f"{seed}/{name}"))
        if asked is not None:
            question, answer = asked
            yield Example(
                id=f"{name}#asked",
                source=source,
                question=question,
                passages=(Passage(evidence, ""),),
                gold=0 if supported else None,
                answers=(answer,) if supported else (),
                full_answer=None,
                synthetic=True,
            )


def unspaced(text: str) -> str:
    """The text without a treebank's spaces and names of brackets."""
    for pattern, said in _SPACED:
        text = pattern.sub(said, text)
    return text.strip()


def ask(claim: str, evidence: str, rng: random.Random) -> tuple[str, Answer] | None:
    """Return a question for a span that claim and evidence share, with the span; None without one."""
    shared = _shared_spans(claim, evidence)
    usable = [s for s in shared if _content_words(claim[: s.start] + claim[s.end :]) >= LEAST_REST_WORDS]
    if not usable:
        return None
    chosen = usable[0] if len(usable) == 1 or rng.random() < FIRST_SHARE else rng.choice(usable[1:])
    span = claim[chosen.start : chosen.end]
    answer = Answer(evidence[chosen.at : chosen.at + len(span)], chosen.at)
    return _question(claim, chosen, span), answer


def _shared_spans(claim: str, evidence: str) -> list[_Shared]:
    """Longest spans without function words at their ends that both have, in the claim's order."""
    words = list(_WORD.finditer(claim))
    low = evidence.lower()
    found: list[_Shared] = []
    first = 0
    while first < len(words):
        longest = 0
        for length in range(min(LONGEST_WORDS, len(words) - first), 0, -1):
            start, end = words[first].start(), words[first + length - 1].end()
            at = _place(claim[start:end].lower(), low) if _asks(words, first, length) else -1
            if at >= 0 and len(claim[start:end]) == len(low[at : at + end - start]):
                found.append(_Shared(start, end, at))
                longest = length
                break
        first += max(1, longest)
    return found


def _place(span: str, text: str) -> int:
    match = re.search(rf"(?<!\w){re.escape(span)}(?!\w)", text)
    return match.start() if match else -1


def _asks(words: list[re.Match[str]], first: int, length: int) -> bool:
    inner = words[first : first + length]
    ends = inner[0][0].lower(), inner[-1][0].lower()
    if set(ends) & FUNCTION_WORDS or sum(len(w[0]) for w in inner) < LEAST_LETTERS:
        return False
    beside = [words[n][0] for n in (first - 1, first + length) if 0 <= n < len(words)]
    return not (_is_name(inner[0][0]) and any(_is_name(w) for w in beside))


def _is_name(word: str) -> bool:
    return word[0].isupper() and word.lower() not in FUNCTION_WORDS


def _content_words(text: str) -> int:
    return sum(w.lower() not in FUNCTION_WORDS for w in _WORD.findall(text))


def _question(claim: str, shared: _Shared, span: str) -> str:
    before = re.sub(r"\b(?:the|a|an)\s+$", "", claim[: shared.start], flags=re.IGNORECASE)
    word = "what year" if re.fullmatch(r"[12]\d{3}", span) else "what"
    after = claim[shared.end :].rstrip(" .")
    asked = f"{before}{word}{after}?"
    return asked[0].upper() + asked[1:]
