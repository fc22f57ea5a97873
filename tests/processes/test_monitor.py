"""The server of ``memlane monitor``, as requests find it: whom it refuses, what it tells, what it writes."""

from __future__ import annotations

import datetime as dt
import itertools
import signal
import struct
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import HostVariable, inspect
from memlane.buffer import BufferStore, DeviceUID
from memlane.cli import main
from memlane.monitor.lookout import LOOK_SECONDS
from tests.monitors import Monitor
from tests.peer import Link, Peer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

STRANGE = "<img src=x onerror=alert(1)>"
DEVICE = DeviceUID(7, 0, 1)


def hold(link: Link, name: str) -> None:
    """Keep a variable and a loan of it open."""
    with HostVariable(name) as variable, variable.loan(size=16):
        link.send("open")
        link.receive()


@pytest.fixture
def monitor(namespace: Path) -> Iterator[Monitor]:
    """Give a monitor of the test's namespace that may not write."""
    with Monitor() as running:
        yield running


@pytest.fixture
def writing_monitor(namespace: Path) -> Iterator[Monitor]:
    """Give one that may."""
    with Monitor("--allow-write") as running:
        yield running


# -- whom it refuses ------------------------------------------------------------------------------------------


def test_a_request_without_the_token_gets_nothing(monitor: Monitor) -> None:
    """Other users of the machine can connect to the port."""
    almost = f"{monitor.prefix[:-2]}{'A' if monitor.prefix[-2] != 'A' else 'B'}/"

    refused = [
        monitor.ask(path, prefix=prefix)
        for path in ("", "app.js", "events", "pixels", "write")
        for prefix in ("/", "/wrong/", almost, monitor.prefix.rstrip("/"), f"/x{monitor.prefix}")
    ]

    assert {answer.status for answer in refused} == {403}
    assert {answer.body for answer in refused} == {
        b"refused: the URL lacks the token; open the one that `memlane monitor` printed\n"
    }
    assert monitor.ask("").status == 200


def test_a_request_under_another_name_is_refused(monitor: Monitor) -> None:
    """A page whose own name was made to lead here could read the answer: DNS rebinding."""
    own = [f"127.0.0.1:{monitor.port}", f"localhost:{monitor.port}"]
    others = ["example.org", f"example.org:{monitor.port}", "127.0.0.1", "127.0.0.1:1", f"[::1]:{monitor.port}", ""]

    answers = [monitor.ask("", headers={"Host": host}) for host in others]

    assert {(answer.status, b"by no other name" in answer.body) for answer in answers} == {(403, True)}
    for host in own:
        assert monitor.ask("", headers={"Host": host, "Origin": f"http://{host}"}).status == 200


def test_a_request_of_another_page_is_refused(writing_monitor: Monitor) -> None:
    """A page of the same browser must neither look nor write, not even with the token."""
    port = writing_monitor.port
    origins = [
        "http://example.org",
        "null",
        f"https://127.0.0.1:{port}",
        "http://127.0.0.1:1",
        f"http://localhost:{port}",
    ]
    with HostVariable("pose") as pose:
        pose.data = 1

        looked = [writing_monitor.ask("events", headers={"Origin": origin}) for origin in origins]
        wrote = [
            writing_monitor.ask("write", headers={"Origin": origin}, body={"name": "pose", "value": "2"})
            for origin in origins
        ]

        assert pose.data == 1
    assert {(answer.status, b"another page" in answer.body) for answer in looked + wrote} == {(403, True)}


def test_it_listens_on_this_machine_alone(monitor: Monitor) -> None:
    """A robot hangs on a network."""
    with open("/proc/net/tcp") as table:
        listening = [line.split()[1] for line in table if line.split()[3] == "0A"]

    assert f"0100007F:{monitor.port:04X}" in listening
    assert [address for address in listening if address.endswith(f":{monitor.port:04X}")] == [
        f"0100007F:{monitor.port:04X}"
    ]


def test_every_answer_forbids_the_browser_what_the_page_does_not_need(monitor: Monitor) -> None:
    """Should markup ever slip in, it can load nothing and tell nobody."""
    answers = [monitor.ask(""), monitor.ask("app.js"), monitor.ask("none"), monitor.ask("", prefix="/")]

    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_files_outside_its_own_are_not_given(monitor: Monitor) -> None:
    """The static files lie beside the program."""
    for path in ("../server.py", "%2e%2e/server.py", "uplot/../../server.py", "/etc/passwd"):
        assert monitor.ask(path).status == 404


# -- what it tells --------------------------------------------------------------------------------------------


def look(monitor: Monitor) -> Any:
    """Return what a look tells: the second one, which has rates."""
    looks = (told for kind, told in monitor.events() if kind == "look")
    next(looks)
    return next(looks)


def test_the_stream_tells_what_there_is_who_has_it_and_how_it_flows(monitor: Monitor, namespace: Path) -> None:
    """The first page is made of this."""
    with HostVariable(STRANGE) as variable, memlane.open_channel("log", memlane.CHAN_W, 100) as channel:
        variable.data = 1
        channel.write(b"a" * 50)
        (namespace / "text").write_text("hello")

        told = look(monitor)

    items = {item["name"]: item for item in told["objects"]}
    (process,) = told["processes"]
    assert told["directory"] == str(namespace)
    assert (items[STRANGE]["kind"], items[STRANGE]["version"], items[STRANGE]["into"]) == ("variable", 1, 0)
    assert items["log"]["filled"] == 0.5
    assert items["text"]["error"] == "Corrupted"
    assert process["alive"]
    assert [thing["name"] for thing in process["has"]] == [STRANGE, "log"]
    assert [(alarm["what"], alarm["name"]) for alarm in told["alarms"]] == [("damaged object", "text")]


def test_a_killed_holder_raises_an_alarm(monitor: Monitor) -> None:
    """This is what one looks for at night."""
    with HostVariable("pose"), Peer(hold, "pose") as holder:
        holder.receive()
        events = (told for kind, told in monitor.events() if kind == "look")
        before = next(events)
        holder.kill()
        killed = time.time()
        # The first look to end after the kill may have begun before it.
        _, after = itertools.islice((told for told in events if told["at"] > killed), 2)

    assert before["alarms"] == []
    assert LOOK_SECONDS <= 0.25  # so the second look is done within a second
    (alarm,) = after["alarms"]
    assert (alarm["what"], alarm["critical"], alarm["pid"]) == ("dead holder", True, holder.pid)
    assert "writes or loans 1" in alarm["text"]
    assert {process["alive"] for process in after["processes"]} == {True, False}


def test_the_monitor_tells_when_it_cannot_look_and_goes_on(monitor: Monitor, namespace: Path) -> None:
    """A page that stands still without a word would be believed."""
    namespace.rmdir()
    namespace.write_text("no directory")
    try:
        told = look(monitor)
    finally:
        namespace.unlink()
        namespace.mkdir(0o700)

    assert told["error"]
    assert look(monitor)["objects"] == []


def test_the_page_of_an_object_has_its_value_once_for_each_version(monitor: Monitor) -> None:
    """A camera's image is not copied again and again while the camera stands still."""
    with HostVariable("pose") as pose:
        pose.data = {"x": 1.5}
        pages = (told for kind, told in monitor.events({"name": "pose"}) if kind == "object")

        first, second = next(pages), next(pages)
        pose.data = {"x": 2.5}
        third = next(told for told in pages if "content" in told)

    assert first["content"]["tree"]["parts"] == [["x", {"is": "number", "text": "1.5", "number": 1.5}]]
    assert "content" not in second
    assert third["content"]["tree"]["parts"][0][1]["number"] == 2.5
    assert third["item"]["counters"]["writes"] == 2


def test_the_page_of_each_kind_is_told_what_it_holds(monitor: Monitor) -> None:
    """Without the program that wrote it."""
    with (
        HostVariable("moment") as moment,
        HostVariable("never"),
        HostVariable("struct", data_format=np.dtype([("x", "f4"), ("n", "i4")])) as record,
        memlane.open_channel("log", memlane.CHAN_W, 100) as channel,
        memlane.RWSharedMMap("map", 100),
        memlane.SharedAssign("share", 4096, "put") as share,
        memlane.HostFunctionDispatcher() as dispatcher,
    ):
        moment.data = dt.timedelta(2)
        record.data = (1.5, 2)
        channel.write(b"abc")
        share.put([1])
        dispatcher.add("divide", lambda left: left)
        dispatcher.start()

        found = {
            name: monitor.page_of(name)["content"]
            for name in ("moment", "never", "struct", "log", "map", "share", "divide")
        }

    assert found["moment"]["tree"]["needs"] == ["datetime.timedelta"]
    assert "REDUCE" in found["moment"]["tree"]["disassembly"]
    assert found["never"] == {"form": "empty"}
    assert [(name, node["number"]) for name, node in found["struct"]["tree"]["parts"]] == [("x", 1.5), ("n", 2)]
    assert (found["log"]["tree"]["hex"], found["log"]["length"]) == ("616263", 3)
    assert (found["map"]["tree"]["size"], found["map"]["form"]) == (100, "memory")
    assert found["share"]["tree"]["is"] == "items"
    assert found["divide"]["form"] == "calls"


def test_the_page_of_a_device_has_parameters_requests_and_limits(monitor: Monitor) -> None:
    """The shipped catalog knows the device."""
    with BufferStore(BufferStore.make_catalog(SERVO)) as store:
        motor = store.get_or_open(int(DEVICE))
        motor.set("servo0", 0.25)
        motor.write("servo1", 0.5)

        told = monitor.page_of(BufferStore.name_of("servo-motor", int(DEVICE)))
        shown = told["content"]["panel"]
        first, second = shown["parameters"]

    assert (shown["type"], shown["valid"], shown["known"]) == ("servo-motor", True, True)
    assert (first["name"], first["value"]["number"], first["lower"], first["upper"]) == ("servo0", 0.25, -1, 1)
    assert second["requested"]["number"] == 0.5


SERVO = {
    "servo-motor": {
        "device_id": 7,
        "params": [
            {"name": name, "type": "float", "lower": -1, "upper": 1, "writeable": True} for name in ("servo0", "servo1")
        ],
    }
}


def test_a_name_without_an_object_is_told(monitor: Monitor) -> None:
    """A page stays open when its object goes."""
    assert monitor.page_of("none")["item"] is None


def test_images_and_clouds_come_as_pixels_and_points(monitor: Monitor) -> None:
    """The page draws them."""
    with HostVariable("camera", 1 << 16) as camera, HostVariable("lidar", 1 << 16) as lidar:
        camera.data = {"image": np.full((8, 10, 3), 7, "u1")}
        lidar.data = np.array([[1, 2, 3], [np.nan, 0, 0], [4, 5, 6]], "f8")

        image = monitor.ask("pixels", {"name": "camera", "path": '["image"]'})
        cloud = monitor.ask("points", {"name": "lidar"})
        wrong = monitor.ask("pixels", {"name": "lidar"})
        missing = monitor.ask("pixels", {"name": "camera", "path": '["none"]'})

    assert struct.unpack("<II", image.body[:8]) == (10, 8)
    assert image.body[8:] == b"\x07\x07\x07\xff" * 80
    assert struct.unpack("<8f", cloud.body) == (1, 2, 3, 3, 4, 5, 6, 6)
    assert (wrong.status, missing.status) == (400, 400)
    assert b"is no image" in wrong.body


def test_watching_attaches_nothing(monitor: Monitor) -> None:
    """The observed do not pay, and nobody is counted who only looks."""
    with HostVariable("pose") as pose:
        pose.data = 1
        monitor.page_of("pose")

        (participant,) = inspect.look("pose").participants
        assert participant.counters["writes"] == 1
        assert inspect.look("pose").counters["reads"] == 0


# -- what it writes -------------------------------------------------------------------------------------------


def test_nothing_is_written_unless_it_was_allowed(monitor: Monitor) -> None:
    """Who only wants to look cannot break anything."""
    with HostVariable("pose") as pose:
        pose.data = 1

        answer = monitor.ask("write", body={"name": "pose", "value": "2"})

        assert pose.data == 1
    assert answer.status == 403
    assert b"start `memlane monitor` with --allow-write" in answer.body
    assert next(monitor.events()) == ("hello", {"write": False})


def test_variables_shares_and_parameters_are_written_where_it_is_allowed(writing_monitor: Monitor) -> None:
    """The rest is told why not."""
    with (
        HostVariable("pose") as pose,
        memlane.SharedAssign("share", 4096, "get") as share,
        memlane.RWSharedMMap("map", 100),
        BufferStore(BufferStore.make_catalog(SERVO)) as store,
    ):
        motor = store.get_or_open(int(DEVICE))
        device = BufferStore.name_of("servo-motor", int(DEVICE))

        done = writing_monitor.ask("write", body={"name": "pose", "value": '{"x": 2}'})
        writing_monitor.ask("write", body={"name": "share", "value": "left here"})
        writing_monitor.ask("write", body={"name": device, "parameter": "servo0", "value": "0.5"})
        wrong: list[object] = [
            {"name": "map", "value": "1"},
            {"name": "none", "value": "1"},
            {"name": "pose"},
            {"name": "pose", "parameter": "x", "value": "1"},
            {"name": device, "parameter": "servo9", "value": "0.5"},
            {"name": device, "parameter": "servo0", "value": "fast"},
            {"name": "pose", "value": "x" * (1 << 20)},
            [],
        ]
        refused = [writing_monitor.ask("write", body=body) for body in wrong]

        assert (done.status, done.body) == (200, b'{"done":"version 1"}')
        assert pose.data == {"x": 2}
        assert share.get() == "left here"
        assert [message.type.name for message in motor.emit_dev_rw()] == ["DEV_WRITE"]
    assert {answer.status for answer in refused} == {400}
    assert b"only variables and shares are set" in refused[0].body
    assert b"memlane monitor --catalog" in refused[3].body


# -- the command ----------------------------------------------------------------------------------------------


def test_a_request_that_is_wrong_is_told_what_about(writing_monitor: Monitor) -> None:
    """It is no failure of the monitor."""
    deep = "[" * 100_000
    with HostVariable("pose") as pose:
        pose.data = {"x": 1.5}

        pictures = [writing_monitor.ask(path, {"name": "pose"}) for path in ("pixels", "points")]
        lost = writing_monitor.ask("pixels", {"name": "pose", "path": deep[:5000]})
        value = writing_monitor.ask("write", body={"name": "pose", "value": deep})
        body = writing_monitor.ask("write", content=deep)

        assert pose.data == {"x": 1.5}
    assert [answer.status for answer in (*pictures, lost, value, body)] == [400] * 5
    assert [answer.body for answer in pictures] == [
        b"ValueError: a dict is no image\n",
        b"ValueError: a dict is no cloud of points\n",
    ]
    assert b"nested too deeply" in value.body
    assert body.body.startswith(b"RecursionError: ")


def test_ctrl_c_ends_it_at_once_though_somebody_watches(monitor: Monitor) -> None:
    """An open page is no reason to stay."""
    events = monitor.events()
    next(events)

    monitor.process.send_signal(signal.SIGINT)

    assert monitor.process.wait(30) == 130
    assert {kind for kind, _ in events} <= {"look"}


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The base package has the command, and not what it needs."""
    monkeypatch.setattr("memlane.monitor.command.REQUIRED", {"numpy": "numpy", "no_such_module": "uvicorn"})

    assert main(["monitor"]) == 2
    assert capsys.readouterr().err == 'memlane monitor needs uvicorn: pip install "memlane[monitor]"\n'


def test_a_port_that_is_taken_is_told(monitor: Monitor, capsys: pytest.CaptureFixture[str]) -> None:
    """Two monitors on one port are one too many."""
    assert main(["monitor", "--port", str(monitor.port)]) == 2
    said = capsys.readouterr().err
    assert f"cannot serve at 127.0.0.1, port {monitor.port}: Address already in use" in said
    assert said.endswith("; --port takes another one\n")
    with pytest.raises(SystemExit):
        main(["monitor", "--port", "65536"])
    assert "65536 is not a port from 0 to 65535" in capsys.readouterr().err
