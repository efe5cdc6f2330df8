"""The socket that `rag serve` listens on."""

import socket
from pathlib import Path

from api.cli.serve import _listen
from api.settings import load_settings


def test_connections_send_the_end_of_an_answer_at_once(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, port=0)
    with _listen(settings) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
