"""A second look at the sentence that an answer would come from: see `rag.generator.calibration`."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from rag.generator.calibration import Judgement
from rag.scoring.groundedness import GroundednessScorer

REVISION_CHARACTERS = 12


class SentenceJudge:
    """Judges by the groundedness classifier and by the encoder."""

    def __init__(
        self,
        scorer: GroundednessScorer,
        embed: "Callable[[Sequence[str]], Future[NDArray[np.float32]]]",
        revision: str,
    ) -> None:
        """Put them together.

        Args:
            scorer: reads the question as a claim about the sentence.
            embed: begins to make unit vectors of texts, which goes on while the scorer reads.
            revision: the encoder's.
        """
        self._scorer = scorer
        self._embed = embed
        self.version = f"{scorer.version}-{revision[:REVISION_CHARACTERS]}"

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        """Judge pairs of a question and a sentence with its title."""
        if not pairs:
            return []
        embedded = self._embed([text for pair in pairs for text in pair])
        borne = self._scorer.log_odds([(sentence, question) for question, sentence in pairs])
        vectors = embedded.result()
        near = np.einsum("nd,nd->n", vectors[::2], vectors[1::2])
        return [Judgement(b, float(n)) for b, n in zip(borne, near, strict=True)]
