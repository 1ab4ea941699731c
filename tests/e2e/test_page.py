"""The page of a real executable in a real browser: it loads, and a question gets its answer."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.questions import FRANCE, PARIS
from tests.serving import Server

BROWSER = "/usr/bin/chromium"
WAIT_MS = 60_000


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def test_a_question_in_the_browser(page: Page, server: Server) -> None:
    said, left = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: left.append(request.url) if not request.url.startswith(server.url) else None)
    page.goto(server.url)
    expect(page.locator("#model")).to_have_text(re.compile("smollm2", re.IGNORECASE), timeout=WAIT_MS)
    page.click("#open-settings")
    page.click("summary:has-text('Sampling')")
    page.fill("input[name=temperature]", "0")
    page.fill("#input", FRANCE)
    page.keyboard.press("Enter")
    answer = page.locator(".assistant:last-child .text")
    expect(answer).to_have_text(PARIS.strip(), timeout=WAIT_MS)
    assert said == [], "the page complained"
    assert left == [], "the page asked another computer"
