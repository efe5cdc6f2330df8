"""Short texts that are read in one call get the vectors that they get step by step."""

from itertools import chain

import pytest
import torch
from torch import Tensor

from rag import one_call as module
from rag.bert_folder import open_bert
from rag.encoder import minilm_directory
from rag.packed_bert import PackedBert

TEXTS = ["Who?", "Where is the harbour master's office?", "lease", "When does the lease of the shop end?"]


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def bert(request: pytest.FixtureRequest) -> PackedBert:
    folder = open_bert(minilm_directory())
    assert folder is not None
    return PackedBert(folder, request.param)


def filled(ids: list[list[int]], behind: int) -> Tensor:
    return torch.tensor([*chain.from_iterable(ids), *[0] * behind])


@pytest.mark.parametrize("behind", [0, 5])
def test_one_call_gives_what_the_steps_give(bert: PackedBert, behind: int) -> None:
    if bert._one_call is None:
        pytest.skip("this torch has no such call")
    ids = sorted((encoding.ids for encoding in bert._tokenizer.encode_batch(TEXTS)), key=len)
    lengths = [len(each) for each in ids]
    with torch.inference_mode():
        together = bert._one_call.means(filled(ids, behind), lengths)
        steps = torch.cat(
            [bert._means_step_by_step(filled([each], -len(each) % 8), [len(each)]) for each in ids]
        )
    assert together.dtype == torch.float32
    assert torch.cosine_similarity(together, steps).min() > 0.9999


def test_without_such_a_call_vectors_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = open_bert(minilm_directory())
    assert folder is not None
    usual = PackedBert(folder, torch.float32).encode(TEXTS)

    def refuse(_: object) -> None:
        raise RuntimeError("not in this Python")

    monkeypatch.setattr(module.torch.jit, "script", refuse)
    without = PackedBert(folder, torch.float32)
    assert without._one_call is None
    torch.testing.assert_close(torch.from_numpy(without.encode(TEXTS)), torch.from_numpy(usual))
