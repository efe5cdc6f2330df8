"""A tiny language model on disk, and a small server of our own that speaks chat completions."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from rag.errors import AbandonedError, CheckpointError, GenerationError, GeneratorServiceError
from rag.generator.causal import CausalGenerator
from rag.generator.generate import Asked, LocalGenerator
from rag.generator.load import GeneratorChoice, load_generator
from rag.generator.passages import Passage
from rag.generator.prompt import REFUSAL
from rag.generator.service import Service, ServiceGenerator
from rag.generator.settings import GenerationSettings
from tests.rag.test_attribution import Heard

PASSAGES = (Passage("Thirty days of leave are granted."), Passage("Trains are booked.", "Travel"))


def no_reranker() -> NoReturn:
    raise AssertionError("no hits are ordered here")


@pytest.fixture(scope="session")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model with random weights, as a person would have one in a folder."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("language-model")
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: number for number, symbol in enumerate([*symbols, "<end>"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>").save_pretrained(folder)
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=1200,
        eos_token_id=len(symbols),
        bos_token_id=None,
        pad_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def causal(language_model: Path) -> CausalGenerator:
    return CausalGenerator(language_model, no_reranker)


def say(causal: CausalGenerator, watcher: Heard | None = None, **changes: Any) -> str:
    settings = GenerationSettings(max_tokens=12, **changes)
    (generated,) = causal.answer([Asked("How many days?", PASSAGES, settings, watcher)])
    return generated.text


def test_a_language_model_draws_with_a_generator_of_the_request(causal: CausalGenerator) -> None:
    torch.manual_seed(1)
    first = say(causal, temperature=1.0, seed=5)
    torch.manual_seed(2)
    assert say(causal, temperature=1.0, seed=5) == first
    assert len({say(causal, temperature=1.0, seed=seed) for seed in range(4)}) > 1


def test_drawing_from_the_most_probable_alone_is_taking_it(causal: CausalGenerator) -> None:
    assert say(causal, temperature=2.0, seed=8, top_k=1) == say(causal)


@pytest.mark.parametrize("changes", [{}, {"beams": 2}, {"temperature": 1.0, "top_p": 0.9, "min_p": 0.01}])
def test_what_is_heard_of_a_language_model_is_its_answer(
    causal: CausalGenerator, changes: dict[str, Any]
) -> None:
    heard = Heard()
    said = say(causal, heard, **changes)
    assert said and "".join(heard.text) == said


def test_a_language_model_reads_as_many_passages_as_fit(causal: CausalGenerator) -> None:
    many = tuple(Passage("leave " * 30) for _ in range(9))
    (generated,) = causal.answer([Asked("How?", many, GenerationSettings(max_tokens=4))])
    assert generated.relevance == ()
    with pytest.raises(GenerationError, match="that is more than the 1200"):
        causal.answer([Asked("How?", (Passage("leave " * 300),), GenerationSettings(max_tokens=4))])


def test_without_passages_a_language_model_is_not_asked(causal: CausalGenerator) -> None:
    assert causal.answer([Asked("How?", ())])[0].text == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hf:/no/such/folder", "no folder /no/such/folder"),
        ("openai:localhost#m", "openai:http://host/v1#model"),
        ("openai:http://host/v1", "openai:http://host/v1#model"),
        ("openai:http://me:secret@host/v1#m", "RAG_GENERATOR_API_KEY"),
        ("/no/such/checkpoint", "rag train"),
    ],
)
def test_a_name_that_stands_for_no_generator_is_refused(name: str, message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as refused:
        load_generator(GeneratorChoice(name), no_reranker)
    assert "secret" not in str(refused.value)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        CausalGenerator(tmp_path, no_reranker)


@dataclass
class ChatServer:
    """Speaks chat completions; `parts` is what it says, one after the other."""

    parts: list[str] = field(default_factory=list)
    status: int = 200
    plain: bool = False
    body: bytes | None = None
    pause_s: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    sent: int = 0

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["Content-Length"])
        self.requests.append(json.loads(handler.rfile.read(length)))
        self.keys.append(handler.headers["Authorization"])
        if handler.path != "/v1/chat/completions" or self.status != 200:
            handler.send_error(self.status if self.status != 200 else 404)
        elif self.body is not None or self.plain:
            whole = {"choices": [{"message": {"role": "assistant", "content": "".join(self.parts)}}]}
            self.send(handler, "application/json", [self.body or json.dumps(whole).encode()])
        else:
            chunks = [{"choices": [{"delta": {"content": part}}]} for part in self.parts]
            first = {"choices": [{"delta": {"role": "assistant", "content": None}}]}
            events = [*(json.dumps(c) for c in [first, *chunks, {"choices": []}]), "[DONE]"]
            self.send(handler, "text/event-stream", [f"data: {e}\n\n".encode() for e in events])

    def send(self, handler: BaseHTTPRequestHandler, kind: str, pieces: list[bytes]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.end_headers()
        try:
            for piece in pieces:
                handler.wfile.write(piece)
                handler.wfile.flush()
                self.sent += 1
                time.sleep(self.pause_s)
        except OSError:
            return  # the client hung up


@pytest.fixture
def chat() -> Iterator[tuple[ChatServer, str]]:
    """The server and its address."""
    server = ChatServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            server.serve(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server, f"http://127.0.0.1:{listening.server_port}/v1"
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.fixture
def service(chat: tuple[ChatServer, str]) -> Iterator[Callable[..., ServiceGenerator]]:
    made: list[ServiceGenerator] = []

    def make(**changes: Any) -> ServiceGenerator:
        made.append(ServiceGenerator(Service(chat[1], "small", **changes), no_reranker))
        return made[-1]

    yield make
    for generator in made:
        generator.close()


@pytest.mark.parametrize("plain", [False, True])
def test_a_service_answers_with_quotes_from_the_passages(
    chat: tuple[ChatServer, str], service: Callable[..., ServiceGenerator], plain: bool
) -> None:
    server, _ = chat
    server.parts, server.plain = ["Thirty ", "days of leave [", "1", "] are yours."], plain
    heard = Heard()
    generated = service(api_key="k3y").generate("How many days?", PASSAGES, watcher=heard)
    assert generated.text == "Thirty days of leave are yours." == "".join(heard.text)
    quote = next(s for s in generated.segments if s.passage is not None)
    assert (quote.passage, PASSAGES[0].text[quote.start : quote.end]) == (0, "Thirty days of leave are")
    assert server.keys == ["Bearer k3y"]


def test_a_service_is_sent_numbered_passages_and_the_settings(
    chat: tuple[ChatServer, str], service: Callable[..., ServiceGenerator]
) -> None:
    server, _ = chat
    server.parts = ["Thirty."]
    settings = GenerationSettings(temperature=0.5, seed=4, top_p=0.9, max_tokens=50)
    service().generate("How many days?", PASSAGES, settings)
    (sent,) = server.requests
    shown = sent["messages"][1]["content"]
    assert "[1] Thirty days of leave are granted.\n\n[2] Travel: Trains are booked." in shown
    assert shown.endswith("Question: How many days?")
    wanted = {"model": "small", "temperature": 0.5, "seed": 4, "top_p": 0.9, "max_tokens": 50}
    assert {name: sent[name] for name in wanted} == wanted
    assert "top_k" not in sent and "min_p" not in sent


def test_a_service_that_declines_refuses(
    chat: tuple[ChatServer, str], service: Callable[..., ServiceGenerator]
) -> None:
    chat[0].parts = ["I don", "'t know", "."]
    assert service().generate("How?", PASSAGES).refusal == REFUSAL


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": 401}, "status 401: check RAG_GENERATOR_API_KEY"),
        ({"status": 404}, "is there a model 'small'"),
        ({"status": 429}, "too much to do"),
        ({"status": 500}, "status 500: see its own log"),
        ({"body": b"<html>"}, "no chat completion"),
        ({"body": b'{"choices": [{"text": 1}]}'}, "no chat completion"),
        ({"body": b'{"error": {"message": "a question"}}'}, "failed while it answered"),
        ({"parts": ["a"] * 50, "pause_s": 0.1}, "did not answer within 0.5 s"),
    ],
)
def test_a_service_that_fails_is_named_with_what_to_do(
    chat: tuple[ChatServer, str],
    service: Callable[..., ServiceGenerator],
    changes: dict[str, Any],
    message: str,
) -> None:
    for name, value in changes.items():
        setattr(chat[0], name, value)
    with pytest.raises(GeneratorServiceError, match=message) as failed:
        service(timeout_s=0.5).generate("How?", PASSAGES)
    assert "a question" not in str(failed.value)


def test_a_service_that_is_not_there_is_named() -> None:
    generator = ServiceGenerator(Service("http://127.0.0.1:9/v1", "small"), no_reranker)
    with pytest.raises(GeneratorServiceError, match="cannot be reached"):
        generator.generate("How?", PASSAGES)
    generator.close()


def test_who_hangs_up_ends_the_service_s_answer(
    chat: tuple[ChatServer, str], service: Callable[..., ServiceGenerator]
) -> None:
    class Leaving(Heard):
        def wanted(self) -> bool:
            return not self.text

    chat[0].parts, chat[0].pause_s = ["Thirty days "] * 100, 0.02
    with pytest.raises(AbandonedError):
        service().generate("How?", PASSAGES, watcher=Leaving())
    assert chat[0].sent < 50


def test_beams_are_not_asked_of_a_service(service: Callable[..., ServiceGenerator]) -> None:
    with pytest.raises(GenerationError, match="set beams to 1"):
        service().generate("How?", PASSAGES, GenerationSettings(beams=2))


def test_hits_are_ordered_by_the_checkpoint_that_can(chat: tuple[ChatServer, str]) -> None:
    class Reranker:
        def relevance(self, question: str, passages: tuple[Passage, ...]) -> list[float]:
            return [0.1, 0.9]

    def load() -> LocalGenerator:
        return Reranker()  # type: ignore[return-value]

    generator = ServiceGenerator(Service(chat[1], "small"), load)
    assert generator.relevance("How?", PASSAGES) == [0.1, 0.9]
    generator.close()


def test_a_language_model_continues_a_conversation(causal: CausalGenerator) -> None:
    said = causal.say([{"role": "user", "content": "When was he born?"}], 5)
    assert said and causal.say([{"role": "user", "content": "When was he born?"}], 5) == said
    with pytest.raises(GenerationError, match="longer than hf:"):
        causal.say([{"role": "user", "content": "When? " * 400}], 5)


def test_a_service_continues_a_conversation(
    chat: tuple[ChatServer, str], service: Callable[..., ServiceGenerator]
) -> None:
    server, _ = chat
    server.parts = ["When was Steve ", "Jobs born?"]
    conversation = [{"role": "user", "content": "When was he born?"}]
    assert service().say(conversation, 20) == "When was Steve Jobs born?"
    (sent,) = server.requests
    assert (sent["messages"], sent["temperature"], sent["max_tokens"]) == (conversation, 0, 20)
    server.status = 500
    with pytest.raises(GeneratorServiceError, match="status 500"):
        service().say(conversation, 20)
