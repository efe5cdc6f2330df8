"""The same texts brought into Groundwork, LangChain, LlamaIndex, Haystack and txtai, in turns.

    python -m bench.ingest_peers medquad.jsonl.gz --documents 600 --rounds 3 --peers-python VENV/bin/python

Each system is a process that has loaded its model before the clock starts; from the file to the first answer
of a search. What they are and how they are set up is in `bench.ingest_systems`. The peers are in the extra
`bench`; they may be in an environment of their own.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.environment import ROOT, environment, report
from bench.ingest_systems import SYSTEMS
from rag.training.data import read_lines

OURS = "groundwork"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "RAG_THREADS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", type=Path, help="JSON Lines with the field answer")
    parser.add_argument("--documents", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--systems", nargs="+", choices=sorted(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--peers-python", default=sys.executable, help="the interpreter that has the peers")
    parser.add_argument("--threads", type=int, help="default: as each system chooses")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        file = Path(folder) / "texts.jsonl"
        words = write_texts(arguments.file, file, arguments.documents, arguments.seed)
        threads = {} if arguments.threads is None else {n: str(arguments.threads) for n in THREADS}
        running = {name: System(name, file, arguments.peers_python, threads) for name in arguments.systems}
        try:
            rounds = [
                {name: system.go() for name, system in running.items()} for _ in range(arguments.rounds)
            ]
        finally:
            for system in running.values():
                system.close()
    figures = {
        "documents": arguments.documents,
        "words": words,
        "threads": arguments.threads,
        **compare(rounds, arguments.documents),
    }
    report("Texts to the first search, in turns", figures, arguments.out, env)


def write_texts(source: Path, file: Path, number: int, seed: int) -> int:
    """Write some of the source's records, each text once; returns how many words they have."""
    records = {record["answer"]: record for record in map(json.loads, read_lines(source)) if record["answer"]}
    chosen = random.Random(seed).sample(list(records.values()), number)
    file.write_text("".join(json.dumps(record) + "\n" for record in chosen))
    return sum(len(record["answer"].split()) for record in chosen)


class System:
    """A system in a process of its own, ready to begin."""

    def __init__(self, name: str, file: Path, peers_python: str, more_env: Mapping[str, str]) -> None:
        python = sys.executable if name == OURS else peers_python
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        # Threads that spin while they wait cost the others' most: none of the systems' do.
        env = {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        env |= more_env
        self._process = subprocess.Popen(
            [python, "-m", "bench.ingest_systems", name, str(file)],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._told()

    def go(self) -> dict[str, Any]:
        """Bring the texts in once more; returns what the system says of it."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self._told()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith('{"'):
                told: dict[str, Any] = json.loads(line)
                return told
        raise RuntimeError(f"{self._process.args!r} ended; run it by hand to see why")


def compare(rounds: Sequence[dict[str, dict[str, Any]]], documents: int) -> dict[str, Any]:
    """The medians of the rounds, and how ours compares with the best of the others."""
    figures: dict[str, Any] = {"rounds": len(rounds)}
    rates = {}
    for name in rounds[0]:
        rates[name] = documents / median(one[name]["seconds"] for one in rounds)
        figures[f"{name}_documents_per_s"] = rates[name]
        figures[f"{name}_pieces"] = rounds[0][name]["pieces"]
    others = [name for name in rates if name != OURS]
    if OURS in rates and others:
        best = max(others, key=rates.__getitem__)
        ratios = [one[best]["seconds"] / one[OURS]["seconds"] for one in rounds]
        figures |= {"best_of_the_others": best, "ratio_to_it": median(ratios)}
        figures |= {"ratio_lowest": min(ratios), "ratio_highest": max(ratios)}
    return figures


if __name__ == "__main__":
    main()
