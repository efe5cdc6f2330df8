"""Every curl example of the documentation is run as it stands."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import Clients

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_curl_example_works(contributor: httpx.Client, clients: Clients, handbook: str) -> None:
    environment = {
        "URL": clients.url,
        "KEY": contributor.headers["Authorization"].removeprefix("Bearer "),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }
    assert len(EXAMPLES) >= 9
    for example in EXAMPLES:
        assert example.startswith("curl -s ")
        failing = example.replace("curl -s ", "curl -sS --fail-with-body ", 1)
        done = subprocess.run(
            ["bash", "-c", failing], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (example, done.stdout, done.stderr)
        assert done.stdout, example


BLOCKS = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "examples.md").read_text(), re.DOTALL)
STRICT = """set -euo pipefail
curl() { command curl --show-error --fail-with-body --max-time 60 "$@"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
"""


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_block_of_the_examples_works(
    contributor: httpx.Client, administrator: httpx.Client, clients: Clients, handbook: str
) -> None:
    environment = {
        "URL": clients.url,
        "KEY": contributor.headers["Authorization"].removeprefix("Bearer "),
        "ADMIN": administrator.headers["Authorization"].removeprefix("Bearer "),
        "PATH": os.environ["PATH"],
    }
    wait_until_ready(clients)
    assert len(BLOCKS) >= 13
    for block in BLOCKS:
        done = subprocess.run(
            ["bash", "-c", STRICT + block],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (block, done.stdout, done.stderr)
        assert done.stdout, block


def wait_until_ready(clients: Clients) -> None:
    until = time.monotonic() + 30
    while httpx.get(f"{clients.url}/ready").status_code != 200 and time.monotonic() < until:
        time.sleep(0.05)
