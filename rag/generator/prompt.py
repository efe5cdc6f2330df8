"""What a language model is told, and how its reply becomes an answer."""

import re
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from rag.generator.attribution import attribute
from rag.generator.calibration import Calibration
from rag.generator.generate import Generated, Watcher
from rag.generator.passages import Passage
from rag.generator.settings import Style
from rag.generator.words import FUNCTION_WORDS, WORD

DECLINED = "I don't know"
REFUSAL = "the generator found no answer in the passages that were found"
NEVER_WITHHELD = Calibration(threshold=0.0)
"""A language model says itself when it has no answer."""
MARK = re.compile(r"\s*\[\d+(?:\s*[,;–-]\s*\d+)*\]")
UNFINISHED = re.compile(r"\s*(?:\[[\d\s,;–-]*)?$")

INSTRUCTIONS = (
    "Answer the question from the numbered passages alone. Keep to their wording where you can, add nothing "
    "that they do not say, and put the number of the passage, as in [1], after what you took from it. If the "
    f"passages do not hold the answer, reply exactly: {DECLINED}."
)
FORMS = {
    Style.AUTO: "Be brief: a few words where they suffice, else one to three sentences.",
    Style.SPAN: "Reply with the few words that answer the question, not with a sentence.",
    Style.SENTENCE: "Reply in one to three full sentences.",
}


Conversation = list[dict[str, str]]
"""Messages with `role` and `content`, in the form that chat models take."""


@runtime_checkable
class Talks(Protocol):
    """What continues a conversation: a language model, but no checkpoint of `rag train`."""

    def say(self, conversation: Conversation, most_tokens: int) -> str:
        """Return the most probable reply."""


def messages(question: str, passages: Sequence[Passage], style: Style) -> Conversation:
    """The conversation that asks for an answer, in the form that chat models take."""
    shown = "\n\n".join(
        f"[{number}] {p.title + ': ' if p.title else ''}{p.text}"
        for number, p in enumerate(passages, start=1)
    )
    return [
        {"role": "system", "content": f"{INSTRUCTIONS} {FORMS[style]}"},
        {"role": "user", "content": f"Passages:\n\n{shown}\n\nQuestion: {question}"},
    ]


class Reply:
    """A model's reply as it comes in: its marks are taken out, and who watches is told of the rest.

    What may turn out to be a mark, or the beginning of a refusal, is held back until it is known.
    """

    def __init__(self, watcher: Watcher | None) -> None:
        self._watcher = watcher
        self._raw = ""
        self._told = 0

    def add(self, text: str) -> bool:
        """Take in a further part; False when nobody wants the rest."""
        self._raw += text
        known = UNFINISHED.sub("", self._raw)
        self._tell(MARK.sub("", known).lstrip())
        return self._watcher is None or self._watcher.wanted()

    def finish(self, passages: Sequence[Passage]) -> Generated:
        """The answer, its words attributed to the passages."""
        text = MARK.sub("", self._raw).strip()
        if not text or _declines(text):
            return Generated("", (), 0.0, 0.0, (), None, refusal=REFUSAL)
        self._tell(text)
        segments = attribute(text, passages)
        return Generated(text, segments, _supported_share(text, passages), 0.0, (), None)

    def _tell(self, text: str) -> None:
        may_decline = _plain(DECLINED).startswith(_plain(text)) or _declines(text)
        if self._watcher and not may_decline and len(text) > self._told:
            self._watcher.write(text[self._told :])
            self._told = len(text)


def _plain(text: str) -> str:
    return text.casefold().replace("’", "'")


def _declines(text: str) -> bool:
    return _plain(text).startswith(_plain(DECLINED))


def _supported_share(text: str, passages: Sequence[Passage]) -> float:
    """Share of the content words that some passage has: stands in for a trained probability."""
    offered = {w.casefold() for p in passages for w in WORD.findall(p.text)}
    words = [w.casefold() for w in WORD.findall(text)]
    content = [w for w in words if w not in FUNCTION_WORDS]
    return sum(w in offered for w in content) / len(content) if content else 0.0
