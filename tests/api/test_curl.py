"""Every curl example of the documentation is run as it stands."""

import re
import shutil
import subprocess
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
