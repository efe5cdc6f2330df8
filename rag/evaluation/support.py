"""Citation recall and precision as ALCE defines them (Gao et al. 2023, arXiv 2305.14627).

    recall of a sentence     1 where all its citations together support it, else 0
    precision of a citation  1 where its sentence has recall 1, and it supports the sentence by itself or
                             the others do not support it without this one; else 0

ALCE asks a language model whether a text supports a sentence. Here a lexical test stands in:

    A text supports a sentence when every content word of the sentence stands in it, compared by stems.

What a citation brings as its text is the title of its passage and the whole sentences that its characters
touch: less than ALCE's passages of a hundred words. A "yes" or "no" that a sentence begins with is what the
test cannot judge: it is set aside, and a sentence that has nothing else is not judged at all.

What the test cannot see: words in another order, a denial that the text has and the sentence leaves out. It
asks for the same words, so a paraphrase fails it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.citation import AnswerSentence
from rag.generator.passages import Passage
from rag.generator.stems import ContentStems
from rag.generator.words import sentence_around

VERDICT = re.compile(r"^\W*(yes|no)\b", re.IGNORECASE)


@dataclass(frozen=True)
class CitedSpan:
    """A piece of a passage, in characters of it, that stands behind characters of an answer."""

    passage: int
    start: int
    end: int
    quote: str
    answer_start: int = 0
    answer_end: int = 0


@dataclass(frozen=True)
class CitationScores:
    """Of one answer: means over its judged sentences, and over the citations of those."""

    recall: float
    precision: float
    """0.0 without a citation, as in ALCE."""
    sentences: int


class SupportTest:
    """Judges the citations of answers."""

    def __init__(self) -> None:
        self._stems = ContentStems()

    def score(
        self, sentences: Sequence[AnswerSentence], citations: Sequence[CitedSpan], passages: Sequence[Passage]
    ) -> CitationScores | None:
        """Judge the citations of an answer; None where none of its sentences can be judged."""
        recalls: list[float] = []
        precisions: list[float] = []
        for sentence in sentences:
            claim = self._stems.of(VERDICT.sub("", sentence.text))
            if not claim:
                continue
            texts = [self._stems.of(text) for text in _texts(sentence, citations, passages)]
            supported = claim <= frozenset().union(*texts)
            recalls.append(float(supported))
            precisions += [float(supported and _counts(claim, texts, i)) for i in range(len(texts))]
        if not recalls:
            return None
        precision = sum(precisions) / len(precisions) if precisions else 0.0
        return CitationScores(sum(recalls) / len(recalls), precision, len(recalls))


def _texts(
    sentence: AnswerSentence, citations: Sequence[CitedSpan], passages: Sequence[Passage]
) -> list[str]:
    """What a sentence's citations bring; several that touch the same sentences of a passage are one."""
    cited = [c for c in citations if c.answer_start < sentence.end and c.answer_end > sentence.start]
    return list(dict.fromkeys(cited_text(c, passages[c.passage]) for c in cited))


def cited_text(citation: CitedSpan, passage: Passage) -> str:
    """The passage's title, and its sentences from the first to the last that a citation touches."""
    start, _ = sentence_around(passage.text, citation.start)
    _, end = sentence_around(passage.text, max(citation.start, citation.end - 1))
    return f"{passage.title}\n{passage.text[start:end]}"


def _counts(claim: frozenset[str], texts: Sequence[frozenset[str]], i: int) -> bool:
    """Whether a text supports the claim by itself, or is needed for it."""
    others = frozenset().union(*(t for n, t in enumerate(texts) if n != i))
    return claim <= texts[i] or not claim <= others
