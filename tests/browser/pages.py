"""The browser, and how to get about in the page."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

PATIENCE_SECONDS = 30
_PAUSE_MS = 40
REBOUND = "rebound.test"
"""A name that this browser takes to this machine, as a rebound one would be."""


def launch(playwright: Playwright) -> Browser:
    """Start Debian's chromium, without a window."""
    path = shutil.which("chromium")
    if path is None:
        raise FileNotFoundError("there is no chromium on PATH: apt-get install chromium")
    # Root, as in containers, has no sandbox.
    arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]
    return playwright.chromium.launch(executable_path=path, args=arguments)


def wait_for(page: Page, expression: str, argument: object = None) -> None:
    """Return as soon as an expression holds.

    Playwright's own way to wait for one evaluates text in the page, which the page's policy forbids.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not page.evaluate(expression, argument):
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s: {expression} {argument}"
        page.wait_for_timeout(_PAUSE_MS)


def wait_for_text(page: Page, selector: str, text: str) -> None:
    """Return as soon as what the selector finds has the text in it."""
    found = (
        "([selector, text]) => [...document.querySelectorAll(selector)].some(node => node.textContent.includes(text))"
    )
    wait_for(page, found, [selector, text])


def wait_for_change(page: Page, expression: str) -> Any:
    """Return what an expression becomes when it is no longer what it is now."""
    before = page.evaluate(expression)
    wait_for(page, f"before => ({expression}) !== before", before)
    return page.evaluate(expression)


def show(page: Page, name: str) -> None:
    """Go to the page of an object."""
    page.evaluate("address => { location.hash = address }", f"#/object/{quote(name, safe='')}")
    wait_for(page, "name => document.querySelector('h1')?.textContent === name", name)
