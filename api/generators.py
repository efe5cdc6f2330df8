"""What writes answers: the generator of the settings, and others to ask the same question of."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from api.lazy import Lazy
from api.settings import Settings, shipped_checkpoint
from api.threads import choose_precision, set_threads

if TYPE_CHECKING:  # what these import takes seconds
    from rag.answer import Answerer
    from rag.generator.batcher import Batcher
    from rag.generator.calibration import SentenceJudge
    from rag.generator.causal import CausalGenerator
    from rag.generator.generate import LocalGenerator
    from rag.generator.service import ServiceGenerator

    Loaded = LocalGenerator | CausalGenerator | ServiceGenerator
    Shared = Batcher | ServiceGenerator


def load(settings: Settings, generator: str, load_judge: "Callable[[], SentenceJudge | None]") -> "Loaded":
    """Load a generator that is named as `RAG_GENERATOR` names one; `load_judge` is for checkpoints."""
    from rag.generator.load import GeneratorChoice, load_generator

    set_threads(settings.threads)
    key = settings.generator_api_key
    precision = choose_precision(settings.generator_precision)
    choice = GeneratorChoice(
        generator,
        key.get_secret_value() if key else None,
        settings.generator_timeout_s,
        precision,
        settings.generator_pruning,
    )
    return load_generator(choice, Lazy(lambda: _load_checkpoint(precision)).get, load_judge)


def _load_checkpoint(precision: str) -> "LocalGenerator":
    from rag.generator.generate import LocalGenerator

    return LocalGenerator(shipped_checkpoint(), precision=precision)


def share(generator: "Loaded", settings: Settings) -> "Shared":
    """Let many questions at once use a generator."""
    from rag.generator.batcher import Batcher, BatchSettings
    from rag.generator.service import ServiceGenerator

    if isinstance(generator, ServiceGenerator):  # it is asked by as many threads as there are questions
        return generator
    return Batcher(
        generator,
        BatchSettings(
            at_once=settings.concurrent_answers,
            # Questions are counted where they come in (AskingThreads), so that none is refused half answered.
            most_waiting=settings.concurrent_answers + settings.waiting_answers,
            busy_after_s=settings.busy_after_s,
        ),
    )


class OtherGenerators:
    """The generators of `RAG_OTHER_GENERATORS`, each loaded when it is first asked."""

    def __init__(
        self,
        settings: Settings,
        answerer_of: "Callable[[Lazy[Shared]], Answerer]",
        load_judge: "Callable[[], SentenceJudge | None]",
    ) -> None:
        """`answerer_of` makes what answers with a generator; see `load`."""
        self._shared: Mapping[str, Lazy[Shared]] = {
            name: Lazy(lambda named=named: share(load(settings, named, load_judge), settings))  # type: ignore[misc]
            for name, named in settings.other_generators.items()
        }
        self._answerer_of = answerer_of

    @property
    def names(self) -> list[str]:
        """What they are called, in the order of the settings."""
        return list(self._shared)

    def answerer(self, name: str) -> "Answerer":
        """What answers with one of them; its generator is loaded when it is asked."""
        return self._answerer_of(self._shared[name])

    def close(self) -> None:
        """Finish the answers in work."""
        for shared in self._shared.values():
            if shared.made is not None:
                shared.made.close()
