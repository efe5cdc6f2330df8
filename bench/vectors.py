"""Vector search beside FAISS's IndexFlatIP in the same run, by size; on the processor or on a GPU.

    python -m bench.vectors --sizes 100000 1000000 --out bench/results/vectors.json
    python -m bench.vectors --device gpu --out bench/results/vectors-gpu.json
    python -m bench.vectors --sizes 1000000 --build FOLDER     # builds and keeps, measures nothing
    python -m bench.vectors --sizes 1000000 --measure FOLDER   # measures what was kept

The vectors are made up: a mixture of Gaussians in a space of fewer dimensions, such as embeddings fill, and a
little noise in all. Queries come from the same mixture and are not indexed. Flat search is measured first and
its index freed; both see the same queries. On a GPU the table has both devices, and what the GPU could do at
most, measured by copying and by multiplying matrices.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from statistics import mean
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from bench.environment import environment, write_json
from store.index import batched, device
from store.index.files import sha256_of_files
from store.index.vectors import VectorIndex, VectorSettings

BLOCK = 50_000
CENTRES = 2_000
INNER_DIMENSION = 24
K = 10

Vectors = NDArray[np.float32]


def main() -> None:
    arguments = read_arguments()
    env = environment(arguments.seed)
    sizes: dict[str, Any] = {}
    for count in arguments.sizes:
        made = Mixture(count, arguments.dimension, arguments.seed)
        kept = arguments.build or arguments.measure
        with nullcontext(kept) if kept else tempfile.TemporaryDirectory(prefix="bench-vectors-") as place:
            folder = Path(place) / str(count)
            if not arguments.measure:
                for name in devices(arguments):
                    build(made, folder / name, arguments.recall, name)
            if arguments.build:
                continue
            figures = measure(made, folder, arguments)
        sizes[str(count)] = figures
        print(f"{count:,} x {arguments.dimension}\n{json.dumps(figures, indent=2)}", flush=True)
    found = {"sizes": sizes}
    if arguments.device == "gpu" and sizes:
        found["gpu_limits"] = gpu_limits()
        for count, figures in sizes.items():
            figures["gpu"]["share_of_limits"] = share_of_limits(
                int(count), arguments.dimension, figures["gpu"], found["gpu_limits"]
            )
    if arguments.out:
        write_json(found, arguments.out, env)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--queries", type=int, default=200, help="Asked one by one.")
    parser.add_argument("--batch", type=int, default=1024, help="Asked at once; 0: none.")
    parser.add_argument("--recall", type=float, default=0.99, help="The target.")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--build", type=Path, help="Only build, into this folder, which is kept.")
    parser.add_argument("--measure", type=Path, help="Only measure what --build has put into this folder.")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.device == "gpu" and device.find_device("gpu") is None:
        parser.error("there is no faiss-gpu here, or no NVIDIA device; install the extra [gpu]")
    return arguments


def devices(arguments: argparse.Namespace) -> tuple[str, ...]:
    """What is measured: the processor in any case."""
    return ("cpu", "gpu") if arguments.device == "gpu" else ("cpu",)


class Mixture:
    """Made-up vectors, the same for a seed, which are made a block at a time."""

    def __init__(self, count: int, dimension: int, seed: int) -> None:
        draw = np.random.default_rng(seed)
        self.count = count
        self.dimension = dimension
        self._seed = seed
        self._centres = draw.standard_normal((CENTRES, INNER_DIMENSION), dtype=np.float32)
        self._spread = draw.standard_normal((INNER_DIMENSION, dimension), dtype=np.float32)

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], Vectors]]:
        """The ids and vectors, in order."""
        for begin in range(0, self.count, BLOCK):
            size = min(BLOCK, self.count - begin)
            yield np.arange(begin, begin + size), self.draw(size, begin + 1)

    def draw(self, size: int, part: int) -> Vectors:
        """Unit vectors; the same for the same part."""
        draw = np.random.default_rng([self._seed, part])
        inner = self._centres[draw.integers(CENTRES, size=size)]
        inner = inner + 0.6 * draw.standard_normal(inner.shape, dtype=np.float32)
        vectors = inner @ self._spread
        vectors += 0.5 * draw.standard_normal(vectors.shape, dtype=np.float32)
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def queries(self, size: int) -> Vectors:
        """Vectors that are not indexed."""
        return self.draw(size, 0)


def build(made: Mixture, folder: Path, recall: float, name: str) -> None:
    """Fill, build and keep our index for one device, with what that took."""
    settings = VectorSettings(target_recall=recall, device=name)
    index = VectorIndex(made.dimension, folder / "own", settings)
    began = time.perf_counter()
    for ids, rows in made.blocks():
        index.add(ids, rows)
    added_s = time.perf_counter() - began
    began = time.perf_counter()
    index.compact()
    figures = {"add_s": added_s, "build_s": time.perf_counter() - began}
    index.save(folder / "saved")
    (folder / "built.json").write_text(json.dumps({**figures, "measured_at_build": index.describe()}))


def measure(made: Mixture, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of flat search, and of our index on each device."""
    single, many = made.queries(arguments.queries), made.queries(max(1, arguments.batch))
    wrapped: Any = faiss
    with_ids = wrapped.read_index(str(folder / "cpu" / "saved" / "base" / "rows.faiss"))
    flat = wrapped.downcast_index(with_ids.index)
    figures: dict[str, Any] = dict(flat_figures(flat, single, many if arguments.batch else None))
    nearest = flat.search(single, K)[1]
    del flat, with_ids
    for name in devices(arguments):
        settings = VectorSettings(target_recall=arguments.recall, device=name)
        sha256_of_files(folder / name / "saved")  # as opening an index does: then all is in memory
        index = VectorIndex.load(folder / name / "saved", None, settings)
        ours = our_figures(index, single, many if arguments.batch else None)
        found = [ranking.ids for ranking in index.search(single, K)]
        ours["recall@10"] = mean(len(np.intersect1d(a, b)) / K for a, b in zip(found, nearest, strict=True))
        ours["ratio_to_flat"] = figures["flat_p50_ms"] / ours["p50_ms"]
        ours["ratio_to_flat_in_cpu_time"] = figures["flat_cpu_ms"] / ours["cpu_ms"]
        if arguments.batch:
            ours["exact_batch_ratio_to_flat"] = figures["flat_batch_s"] / ours["exact_batch_s"]
        figures[name] = {**json.loads((folder / name / "built.json").read_text()), **ours}
    return figures


def flat_figures(flat: Any, single: Vectors, many: Vectors | None) -> dict[str, float]:
    """What plain FAISS takes, and beside it the product in bfloat16 on the same vectors."""
    figures = {
        "flat_p50_ms": p50_ms(lambda query: flat.search(query, K), single),
        "flat_cpu_ms": cpu_ms(lambda query: flat.search(query, K), single),
    }
    if many is not None:
        figures["flat_batch_s"] = seconds(lambda: flat.search(many, K))
        rows = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d).reshape(flat.ntotal, -1)
        if batched.is_supported():
            figures["bfloat16_batch_s"] = seconds(lambda: batched.nearest(rows, many, K))
            figures["bfloat16_batch_ratio"] = figures["flat_batch_s"] / figures["bfloat16_batch_s"]
            expected, found = flat.search(many, K)[0], batched.nearest(rows, many, K)[0]
            figures["bfloat16_recall"] = float((found >= expected[:, -1:] - 1e-5).mean())
    return figures


def our_figures(index: VectorIndex, single: Vectors, many: Vectors | None) -> dict[str, float]:
    """The speed of our index."""
    figures = {
        "p50_ms": p50_ms(lambda query: index.search(query, K), single),
        "cpu_ms": cpu_ms(lambda query: index.search(query, K), single),
        "p50_ms_of_200_nearest": p50_ms(lambda query: index.search(query, 200), single),
    }
    if many is not None:
        figures["exact_batch_s"] = seconds(lambda: index.search_exactly(many, K))
        figures["exact_batch_queries_per_s"] = len(many) / figures["exact_batch_s"]
    return figures


def p50_ms(search: Callable[[Vectors], Any], queries: Vectors) -> float:
    """The median time of one query, after a few that are not counted."""
    times = []
    for i in range(-5, len(queries)):
        began = time.perf_counter()
        search(queries[i : i + 1] if i >= 0 else queries[:1])
        if i >= 0:
            times.append(1000 * (time.perf_counter() - began))
    return float(np.median(times))


def cpu_ms(search: Callable[[Vectors], Any], queries: Vectors) -> float:
    """The mean processor time of one query: what to compare on a busy machine."""
    began = time.process_time()
    for i in range(len(queries)):
        search(queries[i : i + 1])
    return 1000 * (time.process_time() - began) / len(queries)


def seconds(work: Callable[[], Any]) -> float:
    """The shorter of two runs."""
    times = []
    for _ in range(2):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def gpu_limits() -> dict[str, float]:
    """Bytes and float32 operations per second that the GPU gives a copy and a matrix product."""
    import torch

    size = 16_384
    matrix = torch.ones((size, size), device="cuda")
    limits = {}
    works: dict[str, tuple[Callable[[], Any], float]] = {
        "bytes_per_s": (matrix.clone, 2 * matrix.nbytes),
        "operations_per_s": (lambda: matrix @ matrix, 2 * size**3),
    }
    for name, (work, amount) in works.items():
        work()
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(5):
            work()
        torch.cuda.synchronize()
        limits[name] = 5 * amount / (time.perf_counter() - began)
    return limits


def share_of_limits(
    count: int, dimension: int, figures: dict[str, Any], limits: dict[str, float]
) -> dict[str, float]:
    """How much of its bandwidth a single query takes of the GPU, and of its arithmetic a batch."""
    bytes_read = 4 * count * dimension
    operations = 2 * count * dimension * figures.get("exact_batch_queries_per_s", 0.0)
    return {
        "bandwidth_single": bytes_read / (figures["p50_ms"] / 1000) / limits["bytes_per_s"],
        "arithmetic_batch": operations / limits["operations_per_s"],
    }


if __name__ == "__main__":
    main()
