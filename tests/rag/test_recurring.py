import random

from rag.generator.passages import BLANK, Passage
from rag.generator.words import sentence_spans
from rag.training.corpus import Paragraph
from rag.training.data import Answer
from rag.training.recurring import make_spans, recurring_example, recurring_spans

TEXT = (
    "The harbour of Porthmore was rebuilt after the great storm of the year before. "
    "A lighthouse of forty metres stood on the northern side of it, above the old fish market. "
    "Ships that came to Porthmore in winter paid half of what they paid in summer, when ice was rare. "
    "Most of them brought timber and took salted herring back to the towns along the coast."
)


def test_the_question_lacks_a_span_that_the_passage_has_elsewhere() -> None:
    example = recurring_example(Passage(TEXT, "Porthmore"), "w", random.Random(1))
    assert example is not None and example.synthetic and example.gold == 0
    passage = example.passages[0].text
    assert BLANK in example.question and "Porthmore" not in example.question
    assert example.question.replace(BLANK, "Porthmore") in TEXT
    assert example.question.replace(BLANK, "Porthmore") not in passage
    assert example.answers == (Answer("Porthmore", passage.index("Porthmore")),)


def test_the_longest_spans_are_taken_and_none_inside_them() -> None:
    text = "The Anna Reeve Bridge is long. Nobody crosses the Anna Reeve Bridge. Reeve is a name."
    spans = dict(recurring_spans(text, sentence_spans(text)))
    assert list(spans) == ["Anna Reeve Bridge"]
    assert spans["Anna Reeve Bridge"] == [4, text.rindex("Anna")]


def test_a_span_with_another_case_or_one_sentence_alone_does_not_recur() -> None:
    text = "Oxwell and Oxwell are one. The mills of oxwell are old."
    assert recurring_spans(text, sentence_spans(text)) == []


def test_blocks_begin_where_they_are_asked_to() -> None:
    paragraphs = [Paragraph(Passage(f"Long ago, in {n + 1000}, {TEXT}"), None) for n in range(300)]
    blocks = list(make_spans(paragraphs, "w", "free", 7))
    assert [b.next_item for b in blocks] == [256, 300]
    assert list(make_spans(paragraphs, "w", "free", 7, 256)) == blocks[1:]
    record = blocks[1].records[0]
    assert record["synthetic"] is True and record["license"] == "free"
