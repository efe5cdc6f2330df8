"""What every measurement notes beside its figures."""

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("torch", "sentence-transformers", "faiss-cpu", "tantivy", "sqlalchemy", "psycopg", "fastapi")
ROOT = Path(__file__).resolve().parent.parent


def environment(seed: int | None = None) -> dict[str, Any]:
    """Commit, seed, processor, memory and versions."""
    return {
        "commit": _commit(),
        "seed": seed,
        "device": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": round(psutil.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    flags = next((line for line in lines if line.startswith("flags")), "")
    wide = next((f for f in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if f in flags.split()), "no AVX2")
    return f"{name} ({wide})"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ModuleNotFoundError:
        return None


def report(title: str, figures: Mapping[str, Any], out: Path | None, env: Mapping[str, Any]) -> None:
    """Print the figures as a table and write them, with the environment, as JSON."""
    width = max(len(name) for name in figures)
    print(f"\n{title}\n{env['device']}, {env['cores']} cores, commit {env['commit']}\n")
    for name, value in figures.items():
        shown = f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
        print(f"{name:<{width}}  {shown}")
    if out is not None:
        write_json({"figures": figures}, out, env)


def write_json(figures: Mapping[str, Any], out: Path, env: Mapping[str, Any]) -> None:
    """Write figures, with the environment, as JSON."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"environment": env, **figures}, indent=2) + "\n")


def last_json(output: str) -> dict[str, Any]:
    """The JSON object on the last line that holds one."""
    line = next(line for line in reversed(output.splitlines()) if line.startswith("{"))
    found: dict[str, Any] = json.loads(line)
    return found


def run(command: Sequence[str], env: Mapping[str, str]) -> str:
    """Run a command to its end and return what it printed.

    Raises:
        RuntimeError: it failed.
    """
    done = subprocess.run(command, env=dict(env), capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):  # 1: some documents failed, which the report tells
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
