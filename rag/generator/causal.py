"""Answers from a causal language model in a local folder, as transformers reads it."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rag.errors import CheckpointError, GenerationError
from rag.generator.calibration import Calibration
from rag.generator.generate import Asked, Generated, LocalGenerator
from rag.generator.passages import Passage
from rag.generator.prompt import NEVER_WITHHELD, Conversation, Reply, messages
from rag.generator.settings import GenerationSettings

logger = logging.getLogger(__name__)

MOST_TOKENS = 256
"""The longest answer, where the request does not say."""


class CausalGenerator:
    """A language model of this machine; it answers one question after the other."""

    def __init__(self, folder: Path, load_reranker: Callable[[], LocalGenerator]) -> None:
        """Load a model and its tokenizer; nothing is downloaded.

        Args:
            folder: with the model's files.
            load_reranker: gives the checkpoint that orders hits, which a language model cannot.

        Raises:
            CheckpointError: there is no readable model.
        """
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if not folder.is_dir():
            raise CheckpointError(f"there is no folder {folder} with a language model: correct RAG_GENERATOR")
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise CheckpointError(
                f"the language model at {folder} cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        self.name = f"hf:{folder.name}"
        self.calibration: Calibration = NEVER_WITHHELD
        self._load_reranker = load_reranker

    def check(self, settings: GenerationSettings) -> None:
        """Every way of answering is possible."""

    def answer(self, asked: Sequence[Asked]) -> list[Generated]:
        """Answer questions, one after the other.

        Raises:
            GenerationError: a question and its first passage are longer than the model reads.
        """
        return [self._answer(one) for one in asked]

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """For each passage, between 0 and 1: it holds the answer, as the reranking checkpoint sees it."""
        return self._load_reranker().relevance(question, passages)

    @torch.inference_mode()
    def say(self, conversation: Conversation, most_tokens: int) -> str:
        """Continue a conversation with what is most probable; one thread at a time.

        Raises:
            GenerationError: it is longer than the model reads.
        """
        ids = self._ids(conversation)
        if ids.shape[1] + most_tokens > self._window:
            raise GenerationError(
                f"a conversation of {ids.shape[1]} word pieces is longer than {self.name} reads"
            )
        said = self._model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_config=self._how(GenerationSettings(), most_tokens),
        )
        text: str = self._tokenizer.decode(said[0, ids.shape[1] :], skip_special_tokens=True)
        return text

    @property
    def _window(self) -> int:
        """How many word pieces the model reads and writes at most."""
        return getattr(self._model.config, "max_position_embeddings", None) or 2**20

    @torch.inference_mode()
    def _answer(self, asked: Asked) -> Generated:
        watcher, settings = asked.watcher, asked.settings
        if not asked.passages or (watcher and not watcher.wanted()):
            return Generated("", (), 0.0, 0.0, (), None)
        most = settings.max_tokens or MOST_TOKENS
        prompt, read = self._prompt(asked, most)
        if watcher:
            watcher.begin(1.0)
        reply = Reply(watcher)
        arriving = _Arriving(self._tokenizer, reply)
        said = self._model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            generation_config=self._how(settings, most),
            logits_processor=_drawing(settings),
            stopping_criteria=[arriving.unwanted],
            streamer=arriving if settings.beams == 1 else None,
        )
        if settings.beams > 1:
            reply.add(self._tokenizer.decode(said[0, prompt.shape[1] :], skip_special_tokens=True))
        return reply.finish(read)

    def _prompt(self, asked: Asked, most: int) -> tuple[Tensor, tuple[Passage, ...]]:
        """The word pieces `(1, L)` of as many passages, best first, as the model can read, and these."""
        window = self._window
        for count in range(len(asked.passages), 0, -1):
            read = asked.passages[:count]
            ids = self._ids(messages(asked.question, read, asked.settings.style))
            if ids.shape[1] + most <= window:
                if count < len(asked.passages):
                    logger.info("%s reads %d of %d passages", self.name, count, len(asked.passages))
                return ids, read
        raise GenerationError(
            f"the question and its first passage have {ids.shape[1]} word pieces; with an answer of {most} "
            f"that is more than the {window} that {self.name} reads: ask for less max_tokens, or use "
            "another generator"
        )

    def _ids(self, conversation: Conversation) -> Tensor:
        if self._tokenizer.chat_template:
            text = self._tokenizer.apply_chat_template(
                conversation, tokenize=False, add_generation_prompt=True
            )
            return torch.tensor([self._tokenizer.encode(text, add_special_tokens=False)])
        text = "\n\n".join([*(m["content"] for m in conversation), "Answer:"])
        return torch.tensor([self._tokenizer.encode(text)])

    def _how(self, settings: GenerationSettings, most: int) -> Any:
        from transformers import GenerationConfig

        own = self._model.generation_config
        padding = self._tokenizer.pad_token_id
        return GenerationConfig(
            do_sample=False,  # drawing is done by `_drawing`, with a generator of the request's own
            num_beams=settings.beams,
            length_penalty=settings.length_penalty,
            repetition_penalty=settings.repetition_penalty,
            max_new_tokens=most,
            bos_token_id=own.bos_token_id,
            eos_token_id=own.eos_token_id,
            pad_token_id=padding if padding is not None else self._tokenizer.eos_token_id,
        )


def _drawing(settings: GenerationSettings) -> list[Callable[[Tensor, Tensor], Tensor]]:
    """What makes the most probable next word piece one that is drawn; empty where nothing is drawn."""
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    if not settings.samples:
        return []
    steps: list[Callable[[Tensor, Tensor], Tensor]] = [TemperatureLogitsWarper(settings.temperature)]
    if settings.top_k is not None:
        steps.append(TopKLogitsWarper(settings.top_k))
    if settings.top_p < 1:
        steps.append(TopPLogitsWarper(max(settings.top_p, 1e-6)))
    if settings.min_p > 0:
        steps.append(MinPLogitsWarper(settings.min_p))
    return [*steps, _Noise(settings.seed)]


class _Noise:
    """Gumbel noise: the largest of logits with it is a draw from their softmax (Gumbel 1954)."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, ids: Tensor, scores: Tensor) -> Tensor:
        uniform = torch.rand(scores.shape, generator=self._generator).clamp_min(1e-20)
        return scores - (-uniform.log()).log().to(scores.device)


class _Arriving:
    """Turns word pieces, as they are generated, into the text of a reply."""

    def __init__(self, tokenizer: Any, reply: Reply) -> None:
        self._tokenizer, self._reply = tokenizer, reply
        self._ids: list[int] = []
        self._prompt_seen = False
        self._told = 0
        self._wanted = True

    def put(self, ids: Tensor) -> None:
        """Take in the prompt, then each word piece."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        self._ids += ids.flatten().tolist()
        self._pass_on(last=False)

    def end(self) -> None:
        """Take note that there is no more."""
        self._pass_on(last=True)

    def unwanted(self, ids: Tensor, scores: Any, **_: Any) -> Tensor:
        """Whether generation should stop; asked by transformers after each step."""
        return torch.full((ids.shape[0],), not self._wanted)

    def _pass_on(self, *, last: bool) -> None:
        text = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        if not last and text.endswith("�"):  # a character of which only the first bytes are there
            return
        new, self._told = text[self._told :], len(text)
        self._wanted = self._reply.add(new)
