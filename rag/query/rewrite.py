"""Follow-up questions made to stand alone by a language model: one of this machine, or behind a service.

What it cannot do (it fails, says nothing, says too much) the rules do.
"""

import logging
import re
from collections.abc import Callable, Sequence

from rag.errors import BusyError, GenerationError, GeneratorServiceError
from rag.generator.prompt import Conversation, Talks
from rag.query.exchange import Exchange, Rule, Standalone
from rag.query.follow_up import make_standalone

logger = logging.getLogger(__name__)

MOST_TOKENS = 96
MOST_ANSWER_CHARACTERS = 400
"""Of an answer, which tells what "he" is; the rest of a long one costs time."""
LONGEST = 4
"""A rewritten question longer than all that was asked and so many times more is none."""
INSTRUCTIONS = (
    "You prepare questions for a search engine. Below is a conversation and its last question. Write that "
    "question so that it can be understood without the conversation: put in what its pronouns and omissions "
    "stand for, change nothing else, and do not answer it. If it can be understood by itself already, repeat "
    "it as it is. Reply with the question alone."
)


class Rewriter:
    """Makes questions stand alone with a language model. Safe to use from several threads if the model is."""

    def __init__(self, load_model: Callable[[], Talks]) -> None:
        """Take what gives the model, which is asked for at the first follow-up."""
        self._load_model = load_model

    def __call__(self, question: str, before: Sequence[Exchange]) -> Standalone | None:
        """Do what `make_standalone` does, which is called where the model is of no use."""
        if not before:
            return None
        try:
            said = self._load_model().say(conversation(question, before), MOST_TOKENS)
        except (GenerationError, GeneratorServiceError, BusyError) as error:
            logger.warning("a follow-up is rewritten by rules: %s", type(error).__name__)
            return make_standalone(question, before)
        rewritten = question_in(said)
        most = LONGEST * (len(question) + max(len(turn.question) for turn in before))
        if not rewritten or len(rewritten) > most:
            logger.warning("a follow-up is rewritten by rules: the model's reply is no question")
            return make_standalone(question, before)
        same = _plain(rewritten) == _plain(question)
        return None if same else Standalone(rewritten, Rule.GENERATOR)


def conversation(question: str, before: Sequence[Exchange]) -> Conversation:
    """What the model is told: the turns before, the last one last, and the question."""
    turns = [
        f"Question: {turn.question}\nAnswer: {(turn.answer or 'none')[:MOST_ANSWER_CHARACTERS]}"
        for turn in before
    ]
    asked = "\n\n".join([*turns, f"Last question: {question}"])
    return [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": asked}]


def question_in(said: str) -> str:
    """The question of a reply: its first line that says something, without quotes and what leads to it."""
    for line in said.splitlines():
        text = re.sub(r"^\s*(?:(?:last|rewritten|standalone)?\s*question\s*:)?\s*", "", line, flags=re.I)
        text = text.strip().strip("\"'“”`*").strip()
        if text:
            return text
    return ""


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
