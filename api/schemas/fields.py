"""What all shapes are made of."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _refuse_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("the character NUL cannot be stored; leave it out")
    return text


Text = Annotated[str, AfterValidator(_refuse_nul)]
"""Text that PostgreSQL can hold."""

Name = Annotated[Text, Field(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
"""A name that people give: not empty, no space at its ends, on one line."""

FreeText = Annotated[Text, Field(min_length=1, max_length=20_000)]
"""What people write of their own: not empty, of a bounded length."""

MAX_PAGE = 500
"""The most that one page of a list holds."""


def _refuse_unstorable(metadata: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(metadata, allow_nan=False, ensure_ascii=False)  # NaN is a ValueError
    text.encode()  # so is half a surrogate pair
    if "\\u0000" in text.replace("\\\\", ""):
        raise ValueError("the character NUL cannot be stored; leave it out")
    return metadata


Metadata = Annotated[dict[str, Any], AfterValidator(_refuse_unstorable)]
"""A JSON object that PostgreSQL can hold."""


class Body(BaseModel):
    """What a caller sends; a field that nobody knows is refused, for it is probably misspelt."""

    model_config = ConfigDict(extra="forbid")


class View(BaseModel):
    """What a caller gets, read from the fields of our own records."""

    model_config = ConfigDict(from_attributes=True)
