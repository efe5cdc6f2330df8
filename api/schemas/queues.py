"""Review queues."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from api.schemas.fields import Body, FreeText, Name, Text, View
from api.schemas.scores import CorrectionBody, Given, ScoreName, ShortText
from store.queue_items import MOST_ADDED
from store.queues import LEASE_S

MOST_LEASE_S = 86_400


class QueueBody(Body):
    """A queue to make; without reviewers everyone with the role may review it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "Doubtful answers",
                "definitions": ["correct", "tone"],
                "reviewers": ["rita", "ron"],
                "reviews_wanted": 2,
            }
        }
    )

    name: Name
    description: ShortText = ""
    definitions: list[ScoreName] = Field(min_length=1, max_length=20)
    """Names of the scores that are asked for, in order."""
    reviewers: list[Name] = Field(default=[], max_length=200)
    reviews_wanted: Annotated[int, Field(ge=1, le=2)] = 1
    """How many persons look at each item."""
    lease_s: Annotated[int, Field(ge=1, le=MOST_LEASE_S)] = LEASE_S
    """How many seconds an item stays in a reviewer's hands."""


class QueueChangeBody(Body):
    """What to change of a queue; a closed one hands out nothing."""

    model_config = ConfigDict(json_schema_extra={"example": {"closed": True}})

    description: ShortText | None = None
    reviewers: list[Name] | None = Field(default=None, max_length=200)
    closed: bool | None = None


class QueueView(View):
    """A queue and how far it is."""

    id: UUID
    name: str
    description: str
    definitions: list[str]
    reviewers: list[str]
    reviews_wanted: int
    lease_s: int
    created_by: str
    created_at: datetime
    closed_at: datetime | None
    items: int
    done: int


class QueuesView(View):
    """A page of queues, by name; `next` is the cursor of the page after."""

    queues: list[QueueView]
    next: str | None


class ResponseFilterBody(Body):
    """Which responses; the fields are the list's."""

    user: Text | None = None
    corpus: Text | None = None
    session_id: UUID | None = None
    model: Text | None = None
    abstained: bool | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    text: Text | None = None
    q: Annotated[Text, Field(max_length=2_000)] = ""
    """A query, as the list takes it."""


class QueueItemsBody(Body):
    """What to put into a queue: these responses, or those that a filter lets through, or a sample of them."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"filter": {"abstained": False, "corpus": "handbook"}, "sample": 100}}
    )

    response_ids: list[UUID] | None = Field(default=None, min_length=1, max_length=MOST_ADDED)
    filter: ResponseFilterBody | None = None
    sample: Annotated[int, Field(ge=1, le=MOST_ADDED)] | None = None
    """So many of them, drawn by chance."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """The same seed draws the same ones."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.response_ids is None) == (self.filter is None):
            raise ValueError("give either response_ids or a filter")
        return self


class AddedView(View):
    """How many responses came into a queue; those that it had already are not counted."""

    added: int


class QueueItemView(View):
    """A response in a queue; `leased_by` has it in hand until `leased_until`."""

    id: UUID
    queue_id: UUID
    response_id: UUID
    priority: float
    """Between 0 and 2: how far its reviewers disagree, and how much the answer is in doubt."""
    leased_by: str | None
    leased_until: datetime | None
    added_at: datetime
    done_at: datetime | None
    submitted: int
    skipped: int


class QueueItemsView(View):
    """A page of a queue's items; `next` is the cursor of the page after."""

    items: list[QueueItemView]
    next: str | None


class NextItemView(View):
    """The next item for you, in your hands until its lease ends; null when nothing is left for you."""

    item: QueueItemView | None
    waiting: int
    """How many items are left for you, this one included, those in others' hands too."""


class VerdictBody(Body):
    """A score that a reviewer gives."""

    definition: ScoreName
    value: Given
    comment: FreeText | None = None


class SubmitBody(Body):
    """A reviewer's scores, and the corrected answer where there is one; stored together or not at all."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "scores": [{"definition": "correct", "value": True}, {"definition": "tone", "value": "rude"}],
                "correction": {"answer": "Thirty-two days.", "spans": []},
            }
        }
    )

    scores: list[VerdictBody] = Field(default=[], max_length=50)
    correction: CorrectionBody | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        names = [score.definition for score in self.scores]
        if not names and self.correction is None:
            raise ValueError("give a score or a correction; skip the item to leave it to others")
        if len(set(names)) < len(names):
            raise ValueError("a definition is scored twice; leave one out")
        return self


class PairAgreementView(View):
    """How two reviewers agree in the `n` responses that both scored; `kappa` is Cohen's."""

    users: tuple[str, str]
    n: int
    agreed: float
    kappa: float | None


class ScoreAgreementView(View):
    """How the reviewers of a queue agree in one score.

    `alpha` is Krippendorff's: of intervals for numbers, nominal for the others; null where it says nothing.
    """

    definition: str
    scored_twice: int
    """Responses that two or more persons scored."""
    alpha: float | None
    pairs: list[PairAgreementView]


class AgreementView(View):
    """How the reviewers of a queue agree, for each score that it asks for, texts left out."""

    scores: list[ScoreAgreementView]
