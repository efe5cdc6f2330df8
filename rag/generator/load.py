"""Which generator a setting names: a checkpoint's folder, `hf:FOLDER` or `openai:URL#MODEL`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rag.errors import CheckpointError
from rag.generator.calibration import SentenceJudge
from rag.generator.causal import CausalGenerator
from rag.generator.generate import LocalGenerator
from rag.generator.service import Service, ServiceGenerator

CAUSAL, SERVICE = "hf:", "openai:"


@dataclass(frozen=True)
class GeneratorChoice:
    """A generator's name and what else is needed to use it."""

    name: str
    api_key: str | None = None
    timeout_s: float = 60.0
    precision: str = "float32"
    prunes: bool = True
    """Whether a checkpoint leaves passages that promise little unread."""


def load_generator(
    choice: GeneratorChoice,
    load_reranker: Callable[[], LocalGenerator],
    load_judge: Callable[[], SentenceJudge | None] = lambda: None,
) -> LocalGenerator | CausalGenerator | ServiceGenerator:
    """Load what a name stands for; a service is not asked anything yet.

    Args:
        choice: the generator.
        load_reranker: gives the checkpoint that orders hits for generators that cannot.
        load_judge: gives what looks at the sentences that a checkpoint's answers come from.

    Raises:
        CheckpointError: there is no such generator.
    """
    if choice.name.startswith(CAUSAL):
        return CausalGenerator(Path(choice.name.removeprefix(CAUSAL)), load_reranker)
    if choice.name.startswith(SERVICE):
        return ServiceGenerator(_service(choice), load_reranker)
    return LocalGenerator(
        Path(choice.name), precision=choice.precision, prunes=choice.prunes, judge=load_judge()
    )


def _service(choice: GeneratorChoice) -> Service:
    address = urlsplit(choice.name.removeprefix(SERVICE))
    if address.scheme not in {"http", "https"} or not address.hostname or not address.fragment:
        raise CheckpointError(
            "the generator's name is no address of a service: it has the form openai:http://host/v1#model"
        )
    if address.username or address.password:
        raise CheckpointError(
            "the generator's address holds a user or password: give the key as RAG_GENERATOR_API_KEY instead"
        )
    url = address._replace(fragment="").geturl()
    return Service(url, address.fragment, choice.api_key, choice.timeout_s)
