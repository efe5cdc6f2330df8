"""How much of an answer is new against the data that its generator was trained on.

Sequences of words that stand in what the generator was given come from there, whether or not it was trained
on them too. Of the others, those that stand in its training data can be remembered from there; what is
neither in the one nor in the other is new.
"""

from collections.abc import Sequence

from rag.scoring.records import NO_RECORDS, NotKnown, TrainingRecords
from rag.sequences import missing, sequences
from store.evaluations import Evaluation

NOVELTY = "novelty"
DESCRIPTION = "How much of the answer is not remembered from the data that its model was trained on."
VERSION = "2"
"""Of the rule; version 1 told only what stands in the evidence. The record's digest follows it."""


def novelty(text: str, given: Sequence[str], model: str, records: TrainingRecords | None) -> Evaluation:
    """The share of an answer's sequences that its model cannot have remembered.

    Args:
        text: the answer.
        given: evidence, question and passages; the likeliest sources first.
        model: the name of what wrote it.
        records: of what models were trained on; None where there are none.
    """
    said = sequences(text)
    if not said:
        return _not_known(NotKnown("the answer has no words"))
    left = missing(said, given)
    told = {"of": len(said), "unexplained": len(left)}
    if not left:  # whatever it was trained on
        return Evaluation(NOVELTY, 1.0, VERSION, DESCRIPTION, {**told, "in_training_data": 0})
    record = records.of(model) if records else NO_RECORDS
    if isinstance(record, NotKnown):
        return _not_known(record)
    remembered = len(record.held(left))
    told["in_training_data"] = remembered
    version = f"{VERSION}-{record.digest}"
    return Evaluation(NOVELTY, 1 - remembered / len(said), version, DESCRIPTION, told)


def _not_known(why: NotKnown) -> Evaluation:
    return Evaluation(NOVELTY, None, VERSION, DESCRIPTION, unknown=why.reason)
