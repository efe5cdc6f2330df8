"""The generator's shape. It is written into every checkpoint and compared when one is loaded."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from rag.errors import CheckpointError


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of the generator; the encoder half is that of MiniLM-L6-H384."""

    vocabulary: int = 30522
    dimension: int = 384
    heads: int = 12
    feed_forward: int = 1536
    encoder_layers: int = 6
    decoder_layers: int = 2
    positions: int = 512
    window: int = 256
    """Tokens of one passage with the question before it."""
    question_tokens: int = 64
    title_tokens: int = 16
    span_tokens: int = 64
    """The longest span that one copy action takes."""
    answer_tokens: int = 96
    """The longest answer."""
    sentence_start: int | None = None
    """The word piece that the decoder starts from where a full sentence is wanted.

    None: the model was not trained to tell short answers from sentences.
    """

    def to_dict(self) -> dict[str, Any]:
        """Return a form that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "GeneratorConfig":
        """Read what `to_dict` wrote.

        Raises:
            CheckpointError: a field is unknown or missing, so the checkpoint is of another version; or
                `sentence_start` is no word piece.
        """
        known = {field.name for field in fields(cls)}
        values = {"sentence_start": None, **values}  # checkpoints from before it have none
        if set(values) != known:
            odd = ", ".join(sorted(set(values) ^ known))
            raise CheckpointError(
                f"the checkpoint's configuration differs from this version's in: {odd}. "
                "Train again with `rag train`, or install the version that wrote it."
            )
        config = cls(**values)
        start = config.sentence_start
        if start is not None and not 0 < start < config.vocabulary:
            raise CheckpointError(
                f"sentence_start is {start}: a word piece from 1 to {config.vocabulary - 1} is needed"
            )
        return config
