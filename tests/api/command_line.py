"""The command line as tests run it: in this process, where the models are loaded already."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line of the output, read as JSON."""
        return json.loads(self.out.splitlines()[-1])


Rag = Callable[..., Outcome]


def assert_one_line(outcome: Outcome, code: int, *words: str) -> None:
    """The command ended with this code and one line that has all these words."""
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    assert outcome.err.startswith("rag: ")
    assert outcome.err.count("\n") == 1
    for word in words:
        assert word in outcome.err
