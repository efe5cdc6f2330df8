import pytest

from rag.errors import GenerationError
from rag.generator.settings import GenerationSettings, Style
from rag.generator.style import defined, resolve_style, wants_sentence


@pytest.mark.parametrize(
    "question",
    [
        "Why do leaves fall?",
        "How does a heart beat?",
        "How can I cancel my order?",
        "Describe the treatment of gout.",
        "List the planets.",
        "Please explain what a lease is.",
        "Is the office open on Sunday?",
        "Don't cats land on their feet?",
        "What are the symptoms of measles?",
        "Which drugs are used against malaria?",
        "What causes tides?",
        "What is the difference between a frog and a toad?",
        "And why is that?",
        "We leave on Monday. Do I need a visa?",
        "If the train is late, how do I get my money back?",
        "What is a decorator?",
        "What is dark matter?",
        "What does functools.lru_cache do?",
        "What does the yellow sign mean?",
    ],
)
def test_questions_that_want_a_sentence(question: str) -> None:
    assert wants_sentence(question)


@pytest.mark.parametrize(
    "question",
    [
        "Who finished the tower?",
        "When did they meet?",
        "How many days of leave are granted?",
        "How much does it cost?",
        "How old is she?",
        "In which year was it built?",
        "What year was it built?",
        "Where is the office?",
        "Which river flows through London?",
        "What is the capital of France?",
        "What is the deadline?",
        "What is their policy?",
        "Isaac Newton was born where?",
        "",
    ],
)
def test_questions_that_want_a_few_words(question: str) -> None:
    assert not wants_sentence(question)


def test_auto_asks_for_a_sentence_only_where_the_model_has_them() -> None:
    assert resolve_style(Style.AUTO, "Why?", speaks_sentences=True) is Style.SENTENCE
    assert resolve_style(Style.AUTO, "Why?", speaks_sentences=False) is Style.SPAN
    assert resolve_style(Style.AUTO, "Who?", speaks_sentences=True) is Style.SPAN
    assert resolve_style(Style.SPAN, "Why?", speaks_sentences=True) is Style.SPAN


def test_the_nature_of_a_titled_thing_is_told_in_a_sentence() -> None:
    asked = "What is the Abbe number?"
    assert resolve_style(Style.AUTO, asked, ["Abbe number"], speaks_sentences=True) is Style.SENTENCE
    assert resolve_style(Style.AUTO, asked, ["Lenses"], speaks_sentences=True) is Style.SPAN


@pytest.mark.parametrize(
    ("question", "subject"),
    [
        ("What is an automatic toilet paper dispenser?", "automatic toilet paper dispenser"),
        ("What is chylomicron retention disease?", "chylomicron retention disease"),
        ("What is dark matter?", "dark matter"),
        ("What is a good price for a lens?", None),
        ("What is company policy on travel?", None),
        ("What is the rent?", None),
    ],
)
def test_what_is_to_be_defined_is_known_from_its_article_or_its_length(
    question: str, subject: str | None
) -> None:
    assert defined(question) == subject


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": -0.1}, "temperature is -0.1: give a number from 0 to 2"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"beams": 9}, "beams is 9: give a number from 1 to 8"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"min_p": -1}, "min_p is -1"),
        ({"repetition_penalty": 0.5}, "repetition_penalty is 0.5"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"style": "haiku"}, "style is 'haiku': give one of auto, span, sentence"),
        ({"beams": 4, "temperature": 0.7}, "Set beams to 1 or the temperature to 0"),
    ],
)
def test_settings_that_cannot_be_used_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(GenerationError, match=message):
        GenerationSettings(**changes)  # type: ignore[arg-type]
