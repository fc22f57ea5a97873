"""Make the pictures of the documents anew: ``python -m tests.browser.pictures docs/how-to/pictures``.

They show the robot of these tests.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import sync_playwright

from tests.browser import robot
from tests.browser.pages import launch, show
from tests.monitors import Monitor
from tests.peer import Peer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_WIDE, _NARROW = (1280, 860), (390, 760)
_SECONDS_SHOWN = 12
PICTURES: dict[str, tuple[str | None, Literal["dark", "light"], tuple[int, int]]] = {
    "monitor": (None, "dark", _WIDE),
    "monitor-cloud": ("lidar", "light", _WIDE),
    "monitor-narrow": ("camera", "dark", _NARROW),
}


def take(browser: Browser, url: str, folder: str) -> None:
    """Open each page, let its plots grow, and keep what the window shows."""
    for picture, (name, scheme, (width, height)) in PICTURES.items():
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.goto(url)
        page.wait_for_selector("#objects tbody tr")
        if name is not None:
            show(page, name)
        page.wait_for_timeout(_SECONDS_SHOWN * 1000)  # of what was seen since the page was opened
        page.screenshot(path=os.path.join(folder, f"{picture}.png"))
        page.close()


def main(folder: str) -> None:
    """Run robot, monitor and browser."""
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as place,
        Peer(robot.run, environment={"MEMLANE_DIR": place}) as peer,
        Monitor("--directory", place) as monitor,
        sync_playwright() as playwright,
    ):
        peer.receive()
        browser = launch(playwright)
        take(browser, monitor.url, folder)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
