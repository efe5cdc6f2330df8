"""A real browser before a real server: Chromium of the system, driven by Playwright, signed in by a key.

Needs the extra `browser` and a Chromium, found on the path or named by GROUNDWORK_CHROMIUM. Accessibility is
checked by axe-core, which is not part of the project: GROUNDWORK_AXE names its file `axe.min.js`.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from store.types import Role
from tests.api.conftest import Clients

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
BROKEN_WORDS = """[...document.querySelectorAll("td, td *")].map((part) => part.firstChild).filter((text) => {
  if (text?.nodeType !== Node.TEXT_NODE || !/^[\\w.]{1,24}$/.test(text.data)) return false;
  const lines = document.createRange();
  lines.selectNodeContents(text);
  return lines.getClientRects().length > 1;
}).map((text) => text.data)"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
    program = os.environ.get("GROUNDWORK_CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.skip("no Chromium: install it, or name it by GROUNDWORK_CHROMIUM")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Screen:
    """A page as a person sees it, who has no mouse; what the browser complains of is kept."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._url = url
        page.set_default_timeout(60_000)
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: str) -> None:
        """Go to a page."""
        self.page.goto(self._url + path)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type where the focus is."""
        self.page.keyboard.insert_text(text)

    def reach(self, selector: str, most: int = 80) -> None:
        """Press Tab until an element that matches has the focus."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"Tab does not reach {selector}")

    def see(self, selector: str) -> str:
        """The text of the first element that matches, once it is there to see."""
        found = self.page.locator(selector).first
        found.wait_for(state="visible")
        text: str = found.inner_text()
        return text

    def until(self, expression: str, timeout_s: float = 60) -> None:
        """Wait until a JavaScript expression is true; from outside, since the page lets no text be run."""
        deadline = time.monotonic() + timeout_s
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, f"never true: {expression}"
            time.sleep(0.05)

    def count(self, selector: str) -> int:
        """How many elements match."""
        found: int = self.page.locator(selector).count()
        return found

    def broken_words(self) -> list[str]:
        """Single short words in cells of tables that do not stand on one line."""
        found: list[str] = self.page.evaluate(BROKEN_WORDS)
        return found

    def faults(self) -> list[str]:
        """What axe-core finds that shuts people out."""
        path = os.environ.get("GROUNDWORK_AXE")
        if not path:
            pytest.skip("no axe-core: name its axe.min.js by GROUNDWORK_AXE")
        self.page.evaluate(Path(path).read_text(encoding="utf-8") + "; null")
        found = self.page.evaluate("axe.run()")
        return [
            f"{fault['id']}: {node['html']}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]


@pytest.fixture
def screen(browser: Any, clients: Clients) -> Iterator[Callable[..., Screen]]:
    """Opens a browser as somebody; no page may have complained at the end."""
    opened: list[tuple[Any, Screen]] = []

    def open_as(
        role: Role = Role.READER, user: str = "ada", *, size: dict[str, int] = WIDE, dark: bool = False
    ) -> Screen:
        key = clients.of(role, user).headers["Authorization"].removeprefix("Bearer ")
        context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light")
        context.add_init_script(f"sessionStorage.setItem('groundwork-key', '{key}')")
        screen = Screen(context.new_page(), clients.url)
        opened.append((context, screen))
        return screen

    yield open_as
    for context, screen in opened:
        context.close()
        assert screen.complaints == []
