"""From a question as it was asked to the query that is sent: standing alone, spelt as the corpus spells."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.query.exchange import Exchange, Rule, Standalone
from rag.query.follow_up import make_standalone
from rag.query.spelling import correct
from rag.query.vocabulary import Vocabulary

MakeStandalone = Callable[[str, Sequence[Exchange]], Standalone | None]
"""A question and the turns before it to one that stands alone; None where it does already."""


@dataclass(frozen=True)
class QueryChange:
    """What a rule changed: a question, or a word."""

    rule: Rule
    before: str
    after: str


@dataclass(frozen=True)
class Understood:
    """A question ready for search: `question` is what the generator reads, `query` what the indexes get.

    They differ in the spelling of words that the corpus does not have: a guess that may help to find
    something must not change what is asked.
    """

    question: str
    query: str
    changes: tuple[QueryChange, ...] = ()


def understand(
    question: str,
    before: Sequence[Exchange],
    vocabulary: Vocabulary,
    make_standalone: MakeStandalone = make_standalone,
) -> Understood:
    """Make a question stand alone, then spell its query as the corpus does; most pass unchanged.

    Args:
        question: as it was asked.
        before: the turns of the conversation before it, the last one last.
        vocabulary: the corpus's.
        make_standalone: how: by rules, or by a language model (`rag.query.rewrite`).
    """
    changes = []
    standalone = make_standalone(question, before)
    if standalone is not None:
        changes.append(QueryChange(standalone.rule, question, standalone.question))
        question = standalone.question
    corrected = correct(question, vocabulary)
    changes += [QueryChange(Rule.SPELLING, c.word, c.variant) for c in corrected.corrections]
    return Understood(question, corrected.query, tuple(changes))
