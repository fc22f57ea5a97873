"""A robot, a monitor that looks at it, and a browser."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from tests.browser import robot
from tests.browser.pages import PATIENCE_SECONDS, launch
from tests.monitors import Monitor
from tests.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Give Debian's chromium, without a window."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def place() -> Iterator[str]:
    """Give the namespace directory of robot and monitor."""
    with tempfile.TemporaryDirectory(prefix="memlane-browser-", dir="/dev/shm") as directory:
        yield directory


@pytest.fixture(scope="session")
def moving_robot(place: str) -> Iterator[Peer]:
    """Give a robot that moves while all tests run."""
    with Peer(robot.run, environment={"MEMLANE_DIR": place}) as peer:
        peer.receive()
        yield peer


@pytest.fixture(scope="session")
def monitor(place: str, moving_robot: Peer) -> Iterator[Monitor]:
    """Give a monitor that only looks."""
    with Monitor("--directory", place) as running:
        yield running


@pytest.fixture(scope="session")
def writing_monitor(place: str) -> Iterator[Monitor]:
    """Give one that may write."""
    with Monitor("--directory", place, "--allow-write") as running:
        yield running


@dataclass
class Seen:
    """All that a tab asked for and complained of."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def seen() -> Seen:
    """Give the record of the test's tab."""
    return Seen()


@pytest.fixture
def tab(chromium: Browser, seen: Seen) -> Iterator[Page]:
    """Give an empty tab of a browser that knows nothing yet."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    page = context.new_page()
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda message: seen.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("dialog", lambda dialog: seen.complaints.append(dialog.message))
    yield page
    context.close()


@pytest.fixture
def page(tab: Page, monitor: Monitor, seen: Seen) -> Iterator[Page]:
    """Give a tab with the first page; fail the test when the page complains, or asks another host for anything."""
    tab.goto(monitor.url)
    tab.wait_for_selector("#objects tbody tr")
    yield tab
    assert {urlsplit(url).netloc for url in seen.requests} == {f"127.0.0.1:{monitor.port}"}
    assert seen.complaints == []
