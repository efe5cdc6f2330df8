"""How classes of errors are shown over HTTP; those of reviews, which `api.errors` takes in too."""

from collections.abc import Mapping
from dataclasses import dataclass

from store.review_errors import (
    CorrectionError,
    LeaseError,
    NotReviewerError,
    QueueClosedError,
    QueueExistsError,
    ScoreDefinitionArchivedError,
    ScoreDefinitionExistsError,
    ScoreDefinitionShapeError,
    ScoreDefinitionUsedError,
    ScoreValueError,
    UnknownQueueError,
    UnknownQueueItemError,
    UnknownScoreDefinitionError,
)


@dataclass(frozen=True)
class Kind:
    """How a class of errors is shown; `detail` None shows the error's own message.

    Where the message tells about the inside of the server, `detail` stands in its place and the log has both.
    """

    status: int
    title: str
    detail: str | None = None


REVIEW_KINDS: Mapping[type[Exception], Kind] = {
    UnknownScoreDefinitionError: Kind(404, "Unknown score definition"),
    ScoreDefinitionExistsError: Kind(409, "Score definition exists"),
    ScoreDefinitionUsedError: Kind(409, "Score definition in use"),
    ScoreDefinitionArchivedError: Kind(409, "Score definition archived"),
    ScoreDefinitionShapeError: Kind(422, "Contradictory score definition"),
    ScoreValueError: Kind(422, "Unusable score"),
    CorrectionError: Kind(422, "Unusable correction"),
    UnknownQueueError: Kind(404, "Unknown queue"),
    UnknownQueueItemError: Kind(404, "Unknown queue item"),
    QueueExistsError: Kind(409, "Queue exists"),
    QueueClosedError: Kind(409, "Queue closed"),
    NotReviewerError: Kind(403, "Not a reviewer of the queue"),
    LeaseError: Kind(409, "Item in other hands"),
}
