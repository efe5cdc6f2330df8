"""What can go wrong with scores, corrections and queues; every message names the value and the mend."""

from uuid import UUID

from store.errors import StoreError


class UnknownScoreDefinitionError(StoreError):
    """No score definition has this name."""

    def __init__(self, name: str):
        self.name = name
        super().__init__(
            f"There is no score definition {name!r}. List the definitions to find its name, or make it."
        )


class ScoreDefinitionExistsError(StoreError):
    """A score definition with this name is there already."""

    def __init__(self, name: str):
        self.name = name
        super().__init__(
            f"The score definition {name!r} exists already; it may be archived. Choose another name."
        )


class ScoreDefinitionUsedError(StoreError):
    """What a definition means cannot change any more: there are scores by it."""

    def __init__(self, name: str):
        self.name = name
        super().__init__(
            f"There are scores by the definition {name!r}, so its meaning is fixed. Archive it, and make one "
            "with another name."
        )


class ScoreDefinitionArchivedError(StoreError):
    """A definition takes no new scores."""

    def __init__(self, name: str):
        self.name = name
        super().__init__(
            f"The score definition {name!r} is archived and takes no new scores. Use another one, or take it "
            "out of the archive."
        )


class ScoreDefinitionShapeError(StoreError):
    """A score definition contradicts itself."""

    def __init__(self, name: str, reason: str):
        self.name = name
        super().__init__(f"The score definition {name!r} cannot be: {reason}.")


class ScoreValueError(StoreError):
    """A score's value is none that its definition allows."""

    def __init__(self, name: str, value: object, wanted: str):
        self.name = name
        super().__init__(f"A score {name!r} cannot be {str(value)[:100]!r}: give {wanted}.")


class CorrectionError(StoreError):
    """A correction cannot be kept as it stands."""


class UnknownQueueError(StoreError):
    """No review queue has this id."""

    def __init__(self, queue_id: UUID):
        self.queue_id = queue_id
        super().__init__(f"There is no queue {queue_id}. List the queues to find its id.")


class QueueExistsError(StoreError):
    """A queue with this name is there already."""

    def __init__(self, name: str):
        self.name = name
        super().__init__(f"The queue {name!r} exists already. Choose another name.")


class QueueClosedError(StoreError):
    """A queue hands out nothing any more."""

    def __init__(self, name: str):
        self.name = name
        super().__init__(f"The queue {name!r} is closed. Open it again, or use another one.")


class NotReviewerError(StoreError):
    """A user is none of those who review a queue."""

    def __init__(self, name: str, user: str):
        self.name = name
        super().__init__(
            f"User {user!r} is none of the reviewers of the queue {name!r}. Add them to it, or let others "
            "review."
        )


class UnknownQueueItemError(StoreError):
    """A queue has no item with this id."""

    def __init__(self, item_id: UUID):
        self.item_id = item_id
        super().__init__(f"There is no item {item_id} in this queue. Ask for the next item to get one.")


class LeaseError(StoreError):
    """An item is in somebody else's hands, or was dealt with by the same reviewer already."""

    def __init__(self, item_id: UUID, reason: str):
        self.item_id = item_id
        super().__init__(
            f"Item {item_id} {reason}. Nothing of this review was stored; ask for the next item, or score "
            "the response itself."
        )
