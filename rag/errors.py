"""Errors that answering, training and evaluating raise; each message names the value and the mend."""


class RagError(Exception):
    """Base of all errors of this package."""


class EncoderFilesError(RagError):
    """The encoder's files are missing or are not the ones that were expected."""


class CheckpointError(RagError):
    """A generator checkpoint cannot be read, or belongs to another configuration."""


class DataError(RagError):
    """A training or evaluation file is missing or does not have the expected form."""


class QuestionError(RagError):
    """A question cannot be answered as it stands: empty or too long."""


class RerankerError(RagError):
    """The model that should rerank cannot be loaded."""


class RetrievalSettingsError(RagError):
    """What was chosen for the retrieval from a corpus cannot be used."""

    def __init__(self, corpus: str, reason: str):
        self.corpus = corpus
        self.reason = reason
        super().__init__(
            f"The retrieval settings of corpus {corpus!r} cannot be used: {reason}. "
            f"Go back to the defaults: rag retrieval reset --corpus {corpus}"
        )


class TrainingError(RagError):
    """Training stopped because going on would have made the model worse than its last checkpoint."""


class GenerationError(RagError):
    """The settings of an answer's generation cannot be used, or not with this generator."""


class AbandonedError(RagError):
    """Nobody waits for the answer any more."""


class BusyError(RagError):
    """The generator has too much to do, or is stopping."""


class GeneratorServiceError(RagError):
    """A generator behind a service cannot be reached, fails, or does not keep to the protocol."""
