"""Questions and passages as the generator reads them, and the way back to characters.

    [CLS] question [SEP] title [SEP] passage [SEP]

A passage longer than the window is read as several overlapping windows.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.generator.config import GeneratorConfig

PADDING, UNKNOWN, CLS, SEP = 0, 100, 101, 102
SENTENCE_START = 103
"""MiniLM's mask symbol, which no text contains: the decoder starts from it where a sentence is wanted."""
BLANK = "[MASK]"
"""What is written into a text for the same symbol: a place where something was taken out."""
OVERLAP_TOKENS = 64
QUESTION = -1
"""The passage number of a span that was copied from the question."""


@dataclass(frozen=True)
class Passage:
    """A text that may hold the answer."""

    text: str
    title: str = ""


@dataclass(frozen=True)
class Pieces:
    """Word pieces of a text with their character offsets."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    starts_word: list[bool]

    def last(self, n: int) -> "Pieces":
        """The last n pieces: the end of a long question is where it asks."""
        return Pieces(self.ids[-n:], self.offsets[-n:], self.starts_word[-n:])


@dataclass(frozen=True)
class Window:
    """One encoder input."""

    ids: list[int]
    passage: int
    question_at: int
    question_length: int
    text_at: int
    """Where the passage's pieces begin in `ids`."""
    first_piece: int
    """Which of the passage's pieces stands at `text_at`."""
    text_length: int


@dataclass(frozen=True)
class Reading:
    """One question with its passages, tokenised and cut into windows."""

    question: str
    passages: tuple[Passage, ...]
    question_pieces: Pieces
    pieces: tuple[Pieces, ...]
    windows: tuple[Window, ...]

    def characters(self, window: int, start: int, end: int) -> tuple[int, int, int]:
        """Turn positions `start … end` (inclusive) of a window into (passage, start, end) characters.

        The passage is QUESTION for a span of the question.
        """
        w = self.windows[window]
        if start < w.text_at:
            pieces, first, passage = self.question_pieces, start - w.question_at, QUESTION
            last = end - w.question_at
        else:
            pieces, first, passage = self.pieces[w.passage], start - w.text_at + w.first_piece, w.passage
            last = end - w.text_at + w.first_piece
        return passage, pieces.offsets[first][0], pieces.offsets[last][1]

    def positions(self, passage: int, start: int, end: int) -> tuple[int, int, int] | None:
        """Turn characters of a passage into the (window, start, end) that has all of them, if one does."""
        offsets = self.pieces[passage].offsets
        first = bisect_right(offsets, start, key=lambda offset: offset[1])
        after = bisect_left(offsets, end, key=lambda offset: offset[0])
        for number, w in enumerate(self.windows):
            inside = w.first_piece <= first < after <= w.first_piece + w.text_length
            if w.passage == passage and inside:
                at = w.text_at - w.first_piece
                return number, at + first, at + after - 1
        return None


class Reader:
    """The tokenizer of the generator, and how it lays out its input."""

    def __init__(self, tokenizer_file: Path, config: GeneratorConfig) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(tokenizer_file))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.config = config
        names = [self._tokenizer.id_to_token(i) or "" for i in range(config.vocabulary)]
        self._continues = [name.startswith("##") for name in names]
        self.continuing: NDArray[np.bool_] = np.array(self._continues)
        """`(vocabulary,)`: the word piece continues the word before it."""
        self.special: NDArray[np.bool_] = np.array(
            [not name or (len(name) > 1 and name[0] == "[" and name[-1] == "]") for name in names]
        )
        """`(vocabulary,)`: the word piece stands for no text."""

    def pieces(self, texts: Sequence[str]) -> list[Pieces]:
        """Tokenise texts, without special tokens."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [Pieces(e.ids, e.offsets, [not self._continues[i] for i in e.ids]) for e in encodings]

    def word(self, piece: int) -> str:
        """The text of a word piece, with `##` where it continues a word."""
        text: str = self._tokenizer.id_to_token(piece)
        return text

    def continues(self, piece: int) -> bool:
        """Whether a word piece continues the word before it."""
        return self._continues[piece]

    def read(self, question: str, passages: Sequence[Passage]) -> Reading:
        """Tokenise a question and its passages and lay them out in windows."""
        texts = [question, *(p.title for p in passages), *(p.text for p in passages)]
        all_pieces = self.pieces(texts)
        n = len(passages)
        question_pieces = all_pieces[0].last(self.config.question_tokens)
        titles, bodies = all_pieces[1 : n + 1], all_pieces[n + 1 :]
        windows = [
            window
            for number in range(n)
            for window in self._windows(question_pieces.ids, titles[number].ids, bodies[number].ids, number)
        ]
        return Reading(question, tuple(passages), question_pieces, tuple(bodies), tuple(windows))

    def _windows(self, question: list[int], title: list[int], body: list[int], passage: int) -> list[Window]:
        head = [CLS, *question, SEP, *title[: self.config.title_tokens], SEP]
        room = self.config.window - len(head) - 1
        windows = []
        first = 0
        while True:
            part = body[first : first + room]
            ids = [*head, *part, SEP]
            windows.append(Window(ids, passage, 1, len(question), len(head), first, len(part)))
            if first + room >= len(body):
                return windows
            first += room - min(OVERLAP_TOKENS, room // 2)


@dataclass(frozen=True)
class Inputs:
    """The encoder's input for B readings: arrays `(B, P, L)`."""

    ids: NDArray[np.int64]
    segments: NDArray[np.int64]
    copyable: NDArray[np.bool_]


def collate(readings: Sequence[Reading]) -> Inputs:
    """Pad readings to the same number of windows and the same length.

    A copy may start at any word of a passage; at words of the question only in the first window,
    so that each of them is there once.
    """
    P = max(1, *(len(r.windows) for r in readings))
    L = max(len(w.ids) for r in readings for w in r.windows)
    ids = np.zeros((len(readings), P, L), dtype=np.int64)
    segments = np.zeros_like(ids)
    copyable = np.zeros_like(ids, dtype=np.bool_)
    for b, reading in enumerate(readings):
        for p, w in enumerate(reading.windows):
            ids[b, p, : len(w.ids)] = w.ids
            segments[b, p, w.question_at + w.question_length + 1 : len(w.ids)] = 1
            body = reading.pieces[w.passage].starts_word[w.first_piece : w.first_piece + w.text_length]
            copyable[b, p, w.text_at : w.text_at + w.text_length] = body
            if p == 0:
                starts = reading.question_pieces.starts_word[: w.question_length]
                copyable[b, p, w.question_at : w.question_at + w.question_length] = starts
    return Inputs(ids, segments, copyable)
