"""The page of ``memlane monitor`` in a browser: it lives, shows each kind, and does not obey what it shows."""

from __future__ import annotations

import http.server
import threading
import time
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

import memlane
from memlane import HostVariable
from tests.browser.pages import REBOUND, show, wait_for, wait_for_change, wait_for_text
from tests.browser.robot import DEVICE_NAME, STRANGE
from tests.peer import Link, Peer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.monitors import Monitor

pytestmark = pytest.mark.slow

DISTINCT = """
canvas => {
  if (!canvas) return 0;
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return new Set(new Uint32Array(pixels.buffer)).size;
}
"""
DISTINCT_AT_THE_EDGE = DISTINCT.replace("canvas.width", "40")


def hold(link: Link, name: str) -> None:
    """Keep a variable and a loan of it open."""
    with HostVariable(name) as variable, variable.loan(size=16):
        link.send("open")
        link.receive()


def text_of(name: str, column: int) -> str:
    """Return the JavaScript for a cell of the table of objects."""
    return (
        "[...document.querySelectorAll('#objects tbody tr')]"
        f".find(row => row.querySelector('a').textContent === '{name}')?.cells[{column}].textContent"
    )


# -- the first page -------------------------------------------------------------------------------------------


def test_the_table_is_live_and_has_every_object(page: Page) -> None:
    """What is there, and how fast it flows."""
    names = page.locator("#objects td.name").all_text_contents()
    first = int(page.evaluate(text_of("pose", 9)))
    later = int(wait_for_change(page, text_of("pose", 9)))
    wait_for(page, f"() => Number({text_of('pose', 2)}) > 0")

    assert names == sorted(
        ["pose", "imu", "camera", "lidar", "scan", "started", STRANGE, "telemetry", "map", "goal", "plan", DEVICE_NAME]
    )
    assert later > first


def test_the_plots_move(page: Page) -> None:
    """A line that stands still is a robot that stands still."""
    picture = "document.querySelectorAll('.plot canvas')[{}].toDataURL()"
    page.wait_for_selector(".plot canvas >> nth=1")

    for plot in range(2):
        wait_for_change(page, picture.format(plot))
    labels = page.locator(".plot .u-label").all_text_contents()

    assert {"pose", "camera", "plan"} <= set(labels)


def test_the_table_is_filtered_by_name_and_kind(page: Page) -> None:
    """A robot has many objects."""
    page.fill("input[type=search]", "function")
    wait_for(page, "document.querySelectorAll('#objects tbody tr').length === 1")

    assert page.locator("#objects td.name").all_text_contents() == ["plan"]


def test_a_killed_process_turns_up_as_dead(page: Page, place: str) -> None:
    """The time from the kill to the red line is printed; tests/processes has how many looks it takes."""
    with Peer(hold, "held", environment={"MEMLANE_DIR": place}) as holder:
        holder.receive()
        wait_for(page, f"() => {text_of('held', 8)} === '1'")
        holder.kill()
        killed = time.monotonic()
        wait_for_text(page, ".alarms li", f"(pid {holder.pid}) died and holds")
        wait_for_text(page, "#processes tr.bad", str(holder.pid))
        print(f"seen as dead after {time.monotonic() - killed:.2f} s")
    memlane.unlink("held", directory=place)
    page.wait_for_selector(".alarms li", state="detached")


# -- the page of an object ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "selector", "texts"),
    [
        ("pose", ".value", ["x", "joints", "drive"]),
        ("imu", ".value", ["stamp", "acceleration", "temperature"]),
        ("camera", ".value", ["array of 120 x 160 x 3 uint8, 56.3 KiB", "mean"]),
        ("lidar", ".value", ["array of 4000 x 3 float32", "drag to turn"]),
        ("scan", ".value", ["array of 720 float32", "720 numbers, as an image of"]),
        ("started", ".value", ["it needs: datetime.timedelta", "STACK_GLOBAL", "REDUCE"]),
        ("telemetry", ".value", ["battery 1"]),
        ("plan", ".value", ["waiting", "answered"]),
        ("goal", ".value", ["x", "3", "y", "4"]),
        ("map", ".value", ["00000000  00 00"]),
        (DEVICE_NAME, ".device", ["servo-motor", "valid", "servo0", "-1", "0.5"]),
        (STRANGE, ".value", ["<script>alert(2)</script>", "<b onclick=alert(3)>bold</b>"]),
    ],
)
def test_the_page_of_each_kind_shows_what_it_holds(page: Page, name: str, selector: str, texts: list[str]) -> None:
    """Markup stays text."""
    show(page, name)

    for text in texts:
        wait_for_text(page, selector, text)


def test_a_value_that_was_given_up_is_not_called_never_written(page: Page, place: str) -> None:
    """A put that has not ended has the slot of the value that was taken."""
    with (
        memlane.NumpyShare("passed", 100, "put", directory=place) as giver,
        memlane.NumpyShare("passed", mode="get", directory=place) as taker,
    ):
        giver.put(np.zeros(2))
        taker.get()
        with giver.loan(2, "f8"):
            show(page, "passed")
            wait_for_text(page, ".facts", "1, taken, and given up")
    memlane.unlink("passed", directory=place)


@pytest.mark.parametrize(("name", "picture"), [("camera", "figure.image canvas"), ("lidar", "figure.cloud canvas")])
def test_arrays_are_pictures_that_move(page: Page, name: str, picture: str) -> None:
    """One sees at once whether a camera looks at a wall."""
    show(page, name)
    wait_for(page, f"({DISTINCT.strip()})(document.querySelector('{picture}')) > 10")

    wait_for_change(page, f"document.querySelector('{picture}').toDataURL()")


def test_a_cloud_is_turned_by_the_mouse_and_brought_nearer_by_the_wheel(page: Page) -> None:
    """A cloud has no best side."""
    show(page, "lidar")
    cloud = page.locator("figure.cloud canvas")
    wait_for(page, f"({DISTINCT.strip()})(document.querySelector('figure.cloud canvas')) > 10")
    assert cloud.evaluate(DISTINCT_AT_THE_EDGE) == 1

    cloud.hover()
    page.mouse.down()
    page.mouse.move(500, 400)
    page.mouse.up()
    cloud.evaluate("canvas => canvas.dispatchEvent(new WheelEvent('wheel', {deltaY: -1500}))")

    assert cloud.evaluate(DISTINCT_AT_THE_EDGE) > 1


def test_numbers_are_drawn_over_time_when_chosen(page: Page) -> None:
    """Four of them at first; the button beside each adds or removes it."""
    show(page, "pose")
    labels = "[...document.querySelectorAll('.plot .u-label')].map(node => node.textContent).join()"
    wait_for(page, f"() => ({labels}).includes('joints.1')")
    wait_for_change(page, "[...document.querySelectorAll('.plot canvas')].at(0).toDataURL()")

    page.click("button.choose >> nth=0")
    wait_for(page, f"() => !({labels}).includes(',x,')")

    assert "joints.0" in page.evaluate(labels)


def test_a_row_of_numbers_is_an_image_when_its_shape_is_said(page: Page) -> None:
    """The schema of a struct knows lengths alone."""
    show(page, "scan")
    page.fill("figure.image input", "24x30")
    page.keyboard.press("Enter")

    wait_for(page, "document.querySelector('figure.image canvas').width === 30")


def test_an_object_that_goes_and_comes_is_told(page: Page, place: str) -> None:
    """The page stays open when a program is started again."""
    with HostVariable("passing", directory=place) as variable:
        variable.data = 1
        show(page, "passing")
        wait_for_text(page, ".value", "1")
        memlane.unlink("passing", directory=place)
        wait_for_text(page, ".title .badge", "gone")
    with HostVariable("passing", directory=place) as variable:
        variable.data = 2
        wait_for_text(page, ".title .badge", "variable")
        wait_for_text(page, ".value", "2")
    memlane.unlink("passing", directory=place)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nothing_is_wider_than_a_narrow_window(page: Page, scheme: Literal["dark", "light"]) -> None:
    """A phone beside the robot shows it too."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.emulate_media(color_scheme=scheme)

    for name in (None, "camera", DEVICE_NAME):
        if name is not None:
            show(page, name)
            page.wait_for_selector(".value > *")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


# -- whom it obeys --------------------------------------------------------------------------------------------


def test_the_page_cannot_be_made_to_run_or_to_fetch_anything(tab: Page, monitor: Monitor) -> None:
    """Should hostile text ever become markup, it stays without effect."""
    tab.goto(monitor.url)
    tab.wait_for_selector("#objects tbody tr")
    tried = """
    async () => {
      const refused = [];
      try { document.body.innerHTML = "<p>" } catch (error) { refused.push(error.name) }
      const inline = document.createElement("img");
      try { inline.setAttribute("onerror", "window.ran = true") } catch { /* a newer browser forbids this, too */ }
      await new Promise((resolve) => {
        inline.addEventListener("error", resolve);
        inline.src = "none";
        document.body.append(inline);
      });
      for (const url of ["http://localhost:1/", "https://example.org/"]) {
        try { await fetch(url) } catch (error) { refused.push(error.name) }
      }
      return [refused, window.ran ?? false];
    }
    """

    assert tab.evaluate(tried) == [["TypeError"] * 3, False]


@pytest.mark.parametrize("host", ["127.0.0.1", REBOUND])
def test_without_the_token_or_by_another_name_there_is_no_page(tab: Page, monitor: Monitor, host: str) -> None:
    """A stranger's page whose name was made to lead here stays a stranger."""
    path = "/" if host == "127.0.0.1" else monitor.prefix

    answer = tab.goto(f"http://{host}:{monitor.port}{path}")

    assert answer is not None
    assert answer.status == 403
    assert "refused" in tab.content()


@pytest.fixture
def stranger() -> Iterator[str]:
    """Give the URL of another site, which is on another port of this machine."""

    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>stranger</title>")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            serving.join()


def test_another_page_of_the_browser_neither_looks_nor_writes(
    tab: Page, writing_monitor: Monitor, stranger: str, place: str
) -> None:
    """Not even one that has found out the token."""
    tried = """
    async (url) => {
      const loaded = (tag, attribute, path) => new Promise((resolve) => {
        const node = document.createElement(tag);
        node.onload = () => resolve(`${tag} loaded`);
        node.onerror = () => resolve("refused");
        node[attribute] = url + path;
        document.body.append(node);
      });
      const asked = (path, options) => fetch(url + path, options).then(() => `${path} answered`, () => "refused");
      const body = JSON.stringify({ name: "setting", value: "2" });
      await fetch(url + "write", { method: "POST", mode: "no-cors", body }).catch(() => null);
      return [
        await asked("events"),
        await asked("write", { method: "POST", body }),
        await asked("write", { method: "POST", headers: { "Content-Type": "application/json" }, body }),
        await loaded("script", "src", "app.js"),
        await loaded("img", "src", "icon.svg"),
      ];
    }
    """
    with HostVariable("setting", directory=place) as setting:
        setting.data = 1
        tab.goto(stranger)

        found = tab.evaluate(tried, writing_monitor.url)

        assert setting.data == 1
    memlane.unlink("setting", directory=place)
    assert found == ["refused"] * 5


def test_values_and_parameters_are_written_where_it_is_allowed(
    tab: Page, writing_monitor: Monitor, moving_robot: Peer, place: str
) -> None:
    """The answer stands beside the button."""
    with HostVariable("setting", directory=place) as setting:
        setting.data = 1
        tab.goto(writing_monitor.url)
        wait_for_text(tab, "#mode", "writes allowed")
        show(tab, "setting")
        tab.fill("form.write input", '{"gain": 2}')
        tab.click("form.write button")
        wait_for_text(tab, "form.write", "version 2")
        assert setting.data == {"gain": 2}
    memlane.unlink("setting", directory=place)
    show(tab, DEVICE_NAME)
    tab.fill("form.write input >> nth=1", "-0.25")
    tab.click("form.write button >> nth=1")
    wait_for_text(tab, ".device td.number", "-0.25")


def test_a_monitor_that_only_looks_has_no_forms(page: Page) -> None:
    """What is not offered is not tried."""
    show(page, DEVICE_NAME)
    wait_for_text(page, ".device", "servo0")

    assert page.locator("form.write").count() == 0
