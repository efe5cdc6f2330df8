from collections.abc import Sequence

import pytest

from rag.errors import GeneratorServiceError
from rag.query.exchange import Exchange, Rule, Standalone
from rag.query.rewrite import Conversation, Rewriter

BEFORE = [Exchange("Who founded Apple?", "Steve Jobs."), Exchange("Where is it?", None)]
BY_RULES = Standalone("When was Steve Jobs born?", Rule.REFERENCE)


class Model:
    """A language model that says what it is told to, and remembers what it was asked."""

    def __init__(self, *replies: str) -> None:
        self.replies = list(replies)
        self.asked: list[Conversation] = []

    def say(self, conversation: Conversation, most_tokens: int) -> str:
        self.asked.append(conversation)
        if not self.replies:
            raise GeneratorServiceError("the generator at http://x does not answer")
        return self.replies.pop(0)


def rewrite(model: Model, before: Sequence[Exchange] = BEFORE[:1]) -> Standalone | None:
    return Rewriter(lambda: model)("When was he born?", before)


def test_the_model_is_told_the_conversation_and_the_question() -> None:
    model = Model("When was Steve Jobs born?")
    assert rewrite(model, BEFORE) == Standalone("When was Steve Jobs born?", Rule.GENERATOR)
    [[system, user]] = model.asked
    assert system["role"] == "system" and "question alone" in system["content"]
    assert user["content"] == (
        "Question: Who founded Apple?\nAnswer: Steve Jobs.\n\n"
        "Question: Where is it?\nAnswer: none\n\nLast question: When was he born?"
    )


@pytest.mark.parametrize(
    "reply",
    [
        'Question: "When was Steve Jobs born?"\n\nHe was born in 1955.',
        "\n  Rewritten question: When was Steve Jobs born?",
        "**When was Steve Jobs born?**",
    ],
)
def test_what_stands_around_the_question_is_left_off(reply: str) -> None:
    assert rewrite(Model(reply)) == Standalone("When was Steve Jobs born?", Rule.GENERATOR)


def test_a_question_that_is_repeated_stood_alone_already() -> None:
    assert rewrite(Model("when was he born")) is None


def test_without_turns_before_nothing_is_asked() -> None:
    model = Model("What?")
    assert rewrite(model, []) is None
    assert not model.asked


@pytest.mark.parametrize("replies", [[], [""], ["  \n ``` "], ["Steve Jobs was born long ago. " * 20]])
def test_the_rules_do_what_the_model_cannot(replies: list[str], caplog: pytest.LogCaptureFixture) -> None:
    assert rewrite(Model(*replies)) == BY_RULES
    [record] = caplog.records
    assert "by rules" in record.message and "Jobs" not in record.message
