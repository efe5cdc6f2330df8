"""What scores answers, and what looks again at the sentences that they come from."""

from typing import TYPE_CHECKING

from api.encoders import SharedEncoder
from api.lazy import Lazy
from api.settings import Settings
from api.threads import choose_precision, set_threads

if TYPE_CHECKING:  # what these import takes seconds
    from rag.scoring.answer import AnswerScorer
    from rag.scoring.groundedness import GroundednessScorer
    from rag.scoring.judge import SentenceJudge


class Scorers:
    """The groundedness classifier of the settings and what is made of it, each loaded when it is needed."""

    def __init__(self, settings: Settings, encoder: Lazy[SharedEncoder]) -> None:
        """Score with this encoder."""
        self._settings = settings
        self._encoder = encoder
        self._classifier = Lazy(lambda: load_classifier(settings))

    def scorer(self) -> "AnswerScorer":
        """Load what scores answers.

        Raises:
            CheckpointError, EncoderFilesError: The classifier's or the encoder's files are not there.
        """
        from rag.scoring.answer import AnswerScorer
        from rag.scoring.records import TrainingRecords

        records = TrainingRecords([self._settings.generator, *self._settings.other_generators.values()])
        return AnswerScorer(self._classifier.get(), self._encoder.get().encode, records)

    def judge(self) -> "SentenceJudge | None":
        """Load what judges sentences; None without a classifier.

        Raises:
            CheckpointError, EncoderFilesError: See `scorer`.
        """
        return judge_of(self._classifier.get(), self._encoder.get())


def load_classifier(settings: Settings) -> "GroundednessScorer | None":
    """Load the classifier of the settings, if they name one.

    Raises:
        CheckpointError: It is not there.
    """
    from rag.scoring.groundedness import GroundednessScorer

    if settings.scorer is None:
        return None
    set_threads(settings.threads)
    return GroundednessScorer(settings.scorer, choose_precision(settings.generator_precision))


def judge_of(classifier: "GroundednessScorer | None", encoder: SharedEncoder) -> "SentenceJudge | None":
    """What judges sentences by both; None without a classifier."""
    from rag.scoring.judge import SentenceJudge

    return SentenceJudge(classifier, encoder.begin, encoder.revision) if classifier is not None else None


def load_judge(settings: Settings) -> "SentenceJudge | None":
    """Load what judges sentences, for commands that need no other part.

    Raises:
        CheckpointError, EncoderFilesError: See `Scorers.scorer`.
    """
    from rag.encoder import Encoder

    classifier = load_classifier(settings)
    if classifier is None:
        return None
    encoder = SharedEncoder(Encoder(settings.encoder, choose_precision(settings.encoder_precision)))
    return judge_of(classifier, encoder)
