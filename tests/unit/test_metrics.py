"""Metrics: what Prometheus is told, and what a dashboard asks for."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

import memlane
from memlane import HostVariable
from memlane.buffer import NullDevice
from memlane.cli import main
from memlane.errors import MissingDependency
from memlane.metrics import Collector
from tests.docs import pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = "docs/how-to/monitor-with-prometheus.md"


@pytest.fixture
def objects(namespace: Path) -> Iterator[None]:
    """Give an object of each kind, with a value, a call, and a damaged one."""
    with (
        HostVariable("pose") as pose,
        memlane.SharedAssign("share", 100, "put") as share,
        memlane.open_channel("bytes", memlane.CHAN_W, 100) as channel,
        memlane.RWSharedMMap("map", 100),
        NullDevice.open("device"),
        memlane.HostFunctionDispatcher() as dispatcher,
    ):
        pose.data = 1
        share.put(2)
        channel.write(b"abc")
        dispatcher.add("double", lambda value: 2 * value)
        dispatcher.start()
        with memlane.HostFunctionCaller("double") as caller:
            assert caller.call(4) == 8
        (namespace / "broken").write_text("hello")
        yield


def exposed(**options: Any) -> str:
    """Return what Prometheus gets."""
    registry = CollectorRegistry()
    registry.register(Collector(**options))
    return generate_latest(registry).decode()


def samples(text: str) -> dict[tuple[str, str], float]:
    """Return the values by metric and by object, or by what else tells them apart."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {key: value for key, value in sample.labels.items() if key != "kind" or len(sample.labels) == 1}
            found[sample.name, " ".join(labels.values())] = sample.value
    return found


def test_every_kind_is_told_of_in_base_units(objects: None) -> None:
    """A figure that is not what it says is worse than none."""
    found = samples(exposed())

    assert found["memlane_writes_total", "pose"] == found["memlane_writes_total", "share"] == 1
    assert found["memlane_written_bytes_total", "bytes"] == 3
    assert found["memlane_channel_filled_bytes", "bytes"] == 3
    assert found["memlane_channel_capacity_bytes", "bytes"] == 100
    assert found["memlane_share_untaken", "share"] == 1
    assert found["memlane_calls_total", "double"] == 1
    assert found["memlane_call_duration_seconds_count", "double"] == 1
    assert 0 < found["memlane_call_duration_seconds_sum", "double"] < 60
    assert found["memlane_participants", "pose alive"] == 1
    assert found["memlane_slots_held", "pose viewed"] == 0
    assert found["memlane_lock_recovering", "map"] == 0
    assert found["memlane_objects", "damaged"] == 1
    assert found["memlane_namespace_size_bytes", ""] >= found["memlane_namespace_free_bytes", ""] > 0
    assert ("memlane_writes_total", "device") in found


@pytest.mark.slow
def test_names_and_texts_pass_the_judgement_of_promtool(objects: None) -> None:
    """Prometheus has conventions, and a tool that knows them."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool on PATH: nox -s promtool installs Debian's and runs this test")

    judged = subprocess.run(
        [promtool, "check", "metrics"], input=exposed(), text=True, capture_output=True, check=False
    )

    assert (judged.returncode, judged.stdout, judged.stderr) == (0, "", "")


def test_many_objects_are_told_of_up_to_a_limit(namespace: Path) -> None:
    """A program that makes a name for everything must not fill the memory of a Prometheus."""
    for number in range(5):
        with HostVariable(f"value-{number}", 16):
            pass

    found = samples(exposed(limit=2))

    assert [name for metric, name in found if metric == "memlane_writes_total"] == ["value-0", "value-1"]
    assert found["memlane_objects_left_out", ""] == 3
    assert found["memlane_objects", "variable"] == 5
    with pytest.raises(ValueError, match="limit=0"):
        Collector(limit=0)


def test_namespace_that_was_never_made_is_empty(namespace: Path) -> None:
    """The exporter starts before the robot does."""
    found = samples(exposed(directory=namespace / "none"))

    assert found == {
        ("memlane_objects_left_out", ""): 0,
        ("memlane_namespace_size_bytes", ""): 0,
        ("memlane_namespace_free_bytes", ""): 0,
    }


def test_dashboard_asks_for_metrics_that_there_are(objects: None, capsys: pytest.CaptureFixture[str]) -> None:
    """A panel that stays empty is found at night."""
    assert main(["metrics", "--dashboard"]) == 0
    board = json.loads(capsys.readouterr().out)
    questions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    questions += [variable["query"] for variable in board["templating"]["list"]]
    asked = {name for question in questions for name in re.findall(r"\bmemlane_\w+", question)}

    assert len(asked) > 15
    assert asked <= {metric for metric, _ in samples(exposed())}


def test_page_lists_every_metric(objects: None) -> None:
    """What is not on the page is found by nobody."""
    listed = [row["Metric"] for row in pages.table(PAGE, "## What there is")]
    text = pages.read(PAGE)
    told = {metric.removesuffix("_sum").removesuffix("_count") for metric, _ in samples(exposed())}

    assert {name for name in told if f"| `{name}` |" not in text} == set()
    assert set(listed) <= told


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    """Give the URL at which the command serves; it ends well when it is told to."""
    command = [sys.executable, "-m", "memlane", "metrics", "--port", "0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            address = re.search(r"http://\S+:\d+/metrics", server.stderr.readline())
            assert address
            yield address[0]
        finally:
            server.terminate()
    assert server.returncode == 0


def asked(url: str, host: str | None = None) -> str:
    """Return what is answered to who asks for a host."""
    request = urllib.request.Request(url, headers={} if host is None else {"Host": host})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())


@pytest.mark.slow
def test_command_serves_this_machine_alone(objects: None) -> None:
    """Names of objects are nobody else's business."""
    with served() as url:
        text = asked(url)
        port = urlsplit(url).port
        own = asked(url, f"localhost:{port}")
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1:1", ""):
            with pytest.raises(HTTPError) as refused:
                asked(url, host)
            with refused.value as answer:
                assert (answer.code, answer.read()[:8]) == (403, b"refused:")

    assert url.startswith("http://127.0.0.1:")
    assert samples(text)["memlane_writes_total", "pose"] == samples(own)["memlane_writes_total", "pose"] == 1


@pytest.mark.slow
def test_command_that_was_told_an_address_serves_it_by_any_name(objects: None) -> None:
    """A robot has a name in its network."""
    with served("--address", "0.0.0.0") as url:
        text = asked(url, "robot.example")

    assert samples(text)["memlane_writes_total", "pose"] == 1


def test_command_says_which_port_is_taken(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two exporters on one machine are one too many."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        assert main(["metrics", "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert f"cannot serve at 127.0.0.1, port {port}: Address already in use; --port takes another one" in said
    with pytest.raises(SystemExit):
        main(["metrics", "--port", "65536"])
    assert "65536 is not a port from 0 to 65535" in capsys.readouterr().err


def test_command_prints_once_for_a_textfile(objects: None, capsys: pytest.CaptureFixture[str]) -> None:
    """The node exporter collects files."""
    assert main(["metrics", "--once"]) == 0

    assert samples(capsys.readouterr().out)["memlane_writes_total", "pose"] == 1


def test_without_the_extra_it_says_what_to_install(
    namespace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The base package needs nothing."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    assert main(["metrics"]) == 2
    assert "pip install 'memlane[metrics]'" in capsys.readouterr().err
    with pytest.raises(MissingDependency):
        Collector()
