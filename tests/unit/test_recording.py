"""Recordings: what is seen is written down, nobody notices, and it can be written again as it was."""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter

import memlane
import memlane.recording.ahead
import memlane.recording.comparison
from memlane import HostVariable, NumpyShare, SharedAssign, open_channel
from memlane._native.inspect import Inspection
from memlane._native.replica import RecordReplica
from memlane.buffer import DeviceBuffer, Parameter
from memlane.cli import main
from memlane.cli.jsonable import jsonable
from memlane.errors import Corrupted, MissingDependency, OwnershipLost, SizeMismatch
from memlane.recording import Recorder, Recording, Replayer, compare
from memlane.recording.ahead import Ahead
from memlane.recording.description import Description, describe
from memlane.recording.recording import Piece
from memlane.recording.sample import Sample
from memlane.recording.source import ValueSource
from tests.children import answer_of_child

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Motor = DeviceBuffer.make_type("motor", [Parameter("duty", ctypes.c_float, 0, readable=True, writeable=True)])
FAST = 1e6


class Loaded:
    """Something whose loading would be noticed."""

    count = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return load, ()


def load() -> None:
    """Count what must not happen."""
    Loaded.count += 1


@pytest.fixture
def elsewhere(namespaces: Path) -> Iterator[Path]:
    """Give another namespace directory."""
    directory = tempfile.mkdtemp(dir=namespaces)
    yield namespaces / directory
    shutil.rmtree(directory)


def inspected(name: str, directory: Path) -> tuple[dict[str, Any], Any, bytes, bytes, int]:
    """Return what an object is, and its latest value with the mark."""
    inspection = Inspection(name.encode(), os.fsencode(directory))
    try:
        facts = inspection.facts()
        payload, reading = inspection.read()
        return facts, inspection.layout(), inspection.schema(), payload, reading[5]
    finally:
        inspection.close()


def samples_of(path: Path, name: str) -> list[tuple[int, int, bytes]]:
    """Return number, missed and payload of each sample of an object."""
    return [(sample.number, sample.missed, sample.payload) for _, sample in Recording(path).samples([name])]


VALUES = {
    "plain": {"x": [1.5, None], "name": "robot"},
    "array": np.arange(5000.0).reshape(50, 100),
    "pickle": Loaded(),
    "buffers": (Loaded(), np.zeros(5000)),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("kind", ["variable", "share"])
def test_replayed_object_has_the_sizes_and_bytes_of_the_recorded_one(
    kind: str, value: object, namespace: Path, elsewhere: Path, tmp_path: Path
) -> None:
    """A program that reads a replay must not be able to tell; and what was pickled is never loaded on the way."""
    path = tmp_path / "run.mcap"
    Loaded.count = 0
    given: HostVariable | SharedAssign = (
        HostVariable("thing", 70000, slots=5, protocol=4, max_participants=9)
        if kind == "variable"
        else SharedAssign("thing", 70000, "put", slots=5, protocol=4, max_participants=9)
    )
    with given, Recorder(path, jsonable=jsonable) as recorder:
        if isinstance(given, HostVariable):
            given.data = value
        else:
            given.put(value)
        recorder.look()

    with Replayer(path, directory=elsewhere) as replayer:
        replayer.run()

    facts, layout, schema, payload, mark = inspected("thing", namespace)
    again, *rest = inspected("thing", elsewhere)
    assert rest == [layout, schema, payload, mark]
    assert [facts[key] for key in ("kind", "geometry", "places", "ephemeral")] == [
        again[key] for key in ("kind", "geometry", "places", "ephemeral")
    ]
    assert Loaded.count == 0


def test_replayed_struct_has_its_field_table(namespace: Path, elsewhere: Path, tmp_path: Path) -> None:
    """Programs in C open it by the struct."""
    form = np.dtype([("x", "f4"), ("points", [("a", "i2"), ("b", "S3")], (2, 3))])
    with HostVariable("pose", data_format=form, persistent=False) as pose, Recorder(tmp_path / "run.mcap") as recorder:
        pose.data = np.zeros((), form)
        recorder.look()

    with Replayer(tmp_path / "run.mcap", directory=elsewhere) as replayer:
        replayer.run()
        with HostVariable("pose", data_format=form, create=False, directory=elsewhere) as again:
            assert again.data == np.zeros((), form)
    assert os.listdir(elsewhere) == []  # it was not persistent


def test_replayed_buffer_has_the_parameters_of_the_recorded_one(
    namespace: Path, elsewhere: Path, tmp_path: Path
) -> None:
    """Whoever reads a device cannot tell."""
    with Motor.open("motor") as motor, Recorder(tmp_path / "run.mcap") as recorder:
        motor.set("duty", 0.5)
        motor.write("duty", 0.25)
        recorder.look()
        _, _, schema, record, _ = inspected("motor", namespace)

    with Replayer(tmp_path / "run.mcap", directory=elsewhere) as replayer:
        replayer.run()
        with Motor.open("motor", create=False, directory=elsewhere) as again:
            assert again.get("duty") == 0.5
            assert again.get_write() == {"duty": 0.25}
        _, _, copied_schema, copied, _ = inspected("motor", elsewhere)

    assert (copied_schema, len(copied)) == (schema, len(record))
    assert samples_of(tmp_path / "run.mcap", "motor")[-1][2] == record


def test_replayed_channel_carries_the_bytes_in_order(namespace: Path, elsewhere: Path, tmp_path: Path) -> None:
    """A stream of bytes has no other meaning than its order."""
    with open_channel("bytes", memlane.CHAN_W, 100) as channel, Recorder(tmp_path / "run.mcap") as recorder:
        for piece in (b"one ", b"two ", b"three"):
            channel.write(piece)
            recorder.look()

    with Replayer(tmp_path / "run.mcap", directory=elsewhere) as replayer:
        replayer.run()
        with open_channel("bytes", memlane.CHAN_R, directory=elsewhere) as reader:
            assert reader.status().bufSz == 100
            assert reader.read_bytes(13) == b"one two three"


def test_recording_takes_nothing(namespace: Path, tmp_path: Path) -> None:
    """A recorder that takes the robot's values is a fault of its own."""
    with (
        open_channel("bytes", memlane.CHAN_W, 100) as writer,
        open_channel("bytes", memlane.CHAN_R) as reader,
        SharedAssign("share", 100, "put") as giver,
        SharedAssign("share", 100, "get") as taker,
        Recorder(tmp_path / "run.mcap") as recorder,
    ):
        writer.write(b"abc")
        giver.put(7)
        recorder.look()

        assert reader.read_bytes(3) == b"abc"
        assert taker.get(0) == 7
        assert taker.stats().gets == 1
        assert reader.stats().live_participants == 2
    assert samples_of(tmp_path / "run.mcap", "bytes") == [(0, 0, b"abc")]
    assert len(samples_of(tmp_path / "run.mcap", "share")) == 1


def test_bytes_that_were_taken_before_they_were_seen_are_a_gap(namespace: Path, tmp_path: Path) -> None:
    """A recording that hides what it lacks proves nothing."""
    with (
        open_channel("bytes", memlane.CHAN_W, 100) as writer,
        open_channel("bytes", memlane.CHAN_R) as reader,
        Recorder(tmp_path / "run.mcap") as recorder,
    ):
        writer.write(b"abcdef")
        recorder.look()
        writer.write(b"ghi")
        reader.read_bytes(8)
        recorder.look()
        writer.write(b"jk")
        reader.read_bytes(3)

    assert samples_of(tmp_path / "run.mcap", "bytes") == [(0, 0, b"abcdef"), (8, 2, b"i"), (11, 2, b"")]


def test_versions_between_two_looks_are_counted(namespace: Path, tmp_path: Path) -> None:
    """As for bytes. What was there before the recorder came is none of them."""
    with HostVariable("old") as old:
        for value in range(3):
            old.data = value
        with Recorder(tmp_path / "run.mcap") as recorder, HostVariable("new") as new:
            recorder.look()
            for value in range(3, 6):
                old.data = new.data = value
            recorder.look()

    assert [missed for _, missed, _ in samples_of(tmp_path / "run.mcap", "old")] == [0, 2]
    assert [missed for _, missed, _ in samples_of(tmp_path / "run.mcap", "new")] == [2]


class Interrupted:
    """An inspection where something happens between the two steps of a look."""

    def __init__(self, inspection: Inspection, happens: Callable[[], object]) -> None:
        self._inspection = inspection
        self._happens = happens

    def latest(self) -> Any:
        """Return what is there, and let it happen."""
        found = self._inspection.latest()
        self._happens()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inspection, name)


def test_value_that_is_given_up_during_a_look_ends_no_recording(namespace: Path) -> None:
    """A put takes the slot of what was taken."""
    with NumpyShare("share", 100, mode="put") as giver, NumpyShare("share", mode="get") as taker, ExitStack() as stack:
        giver.put(np.zeros(2))
        inspection = Inspection(b"share", os.fsencode(namespace))
        description = describe("share", inspection)
        assert description is not None

        def give_up() -> None:
            taker.get()
            stack.enter_context(giver.loan(2, "f8"))

        source = ValueSource(description, cast("Inspection", Interrupted(inspection, give_up)), 0)
        assert list(source.look(0)) == []
        source.close()


def test_object_that_is_made_anew_is_made_anew_in_the_replay(namespace: Path, elsewhere: Path, tmp_path: Path) -> None:
    """A program that was restarted may have other sizes."""
    with Recorder(tmp_path / "run.mcap") as recorder:
        for size in (100, 200):
            with HostVariable("pose", size) as pose:
                pose.data = size
                recorder.look()
            memlane.unlink("pose")

    with Replayer(tmp_path / "run.mcap", directory=elsewhere) as replayer:
        replayer.run()

    assert [entry.description.size for entry in Recording(tmp_path / "run.mcap").contents()] == [100, 200]
    with HostVariable("pose", 200, create=False, directory=elsewhere) as again:
        assert again.data == 200


def test_last_value_of_an_object_that_went_is_in_the_file(namespace: Path, tmp_path: Path) -> None:
    """What a program said last is what one wants to know."""
    with Recorder(tmp_path / "run.mcap") as recorder:
        with HostVariable("pose", persistent=False) as pose:
            recorder.look()
            pose.data = "last words"
        recorder.look()

    assert len(samples_of(tmp_path / "run.mcap", "pose")) == 1


def test_only_what_was_asked_for_is_recorded_and_what_cannot_be_is_told(namespace: Path, tmp_path: Path) -> None:
    """A large image is left out by its name."""
    told: list[str] = []
    with (
        HostVariable("cam_left") as left,
        HostVariable("pose") as pose,
        memlane.RWSharedMMap("map", 100),
        Recorder(tmp_path / "run.mcap", ["/cam*", "map", "broken"], notice=told.append) as recorder,
    ):
        (namespace / "broken").write_text("hello")
        left.data = pose.data = 1
        recorder.look()
        recorder.look()

    assert [entry.description.name for entry in Recording(tmp_path / "run.mcap").contents()] == ["cam_left"]
    broken, unfit = told
    assert broken.startswith("'broken' is not recorded: 'broken': its file holds 5 bytes")
    assert unfit == "'map' is not recorded: only variables, shares, channels and buffers are"


def test_name_with_brackets_is_chosen_as_it_is_written(
    namespace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Brackets mean something in a pattern, and cameras are numbered."""
    path = tmp_path / "run.mcap"
    with (
        HostVariable("cam[0]") as first,
        HostVariable("cam0") as other,
        HostVariable("pose") as pose,
        Recorder(path, ["/cam[0]"]) as recorder,
    ):
        first.data = other.data = pose.data = 1
        recorder.look()
    main(["ls", "cam[0]", "--json"])

    listed = [item["name"] for item in json.loads(capsys.readouterr().out)]
    assert sorted(listed) == ["cam0", "cam[0]"]
    assert {description.name for description, _ in Recording(path).samples(["cam[0]"])} == {"cam0", "cam[0]"}


def test_viewers_find_json_beside_the_bytes(namespace: Path, tmp_path: Path) -> None:
    """Foxglove knows no codec of ours."""
    with (
        HostVariable("pose", data_format=np.dtype([("x", "f4"), ("n", "i4")])) as pose,
        open_channel("log", memlane.CHAN_W, 100) as log,
        Recorder(tmp_path / "run.mcap", jsonable=jsonable) as recorder,
    ):
        pose.data = (1.5, 2)
        log.write(b"ready\n")
        recorder.look()

    with open(tmp_path / "run.mcap", "rb") as stream:
        found = list(make_reader(stream).iter_messages(topics=["/pose", "/log"]))
    views = {channel.topic: (schema.encoding, json.loads(message.data)) for schema, channel, message in found if schema}
    assert views == {
        "/pose": ("jsonschema", {"number": 1, "missed": 0, "size": 8, "value": {"x": 1.5, "n": 2}}),
        "/log": ("jsonschema", {"number": 0, "missed": 0, "size": 6, "value": "ready\n"}),
    }


HUGE = 10**5000


@pytest.mark.parametrize("value", [HUGE, [{HUGE: -1}], np.ones(3, np.longdouble)], ids=["int", "key", "longdouble"])
def test_odd_value_is_recorded_and_shown(
    value: object, namespace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python writes no integer of so many digits, and has no float of that size."""
    path = tmp_path / "run.mcap"
    with HostVariable("odd") as odd, HostVariable("pose") as pose, Recorder(path, jsonable=jsonable) as recorder:
        odd.data, pose.data = value, 1
        recorder.look()

        assert [main(words) for words in (["get", "odd"], ["get", "odd", "--json"], ["show", "odd"])] == [0, 0, 0]

    said = capsys.readouterr().out
    assert hex(HUGE) in said or "1.0" in said
    assert {description.name for description, _ in Recording(path).samples()} == {"odd", "pose"}


def test_value_that_cannot_be_shown_ends_no_recording(namespace: Path, tmp_path: Path) -> None:
    """Viewers see why; the bytes are there all the same."""

    def refuse(value: object) -> object:
        if value == "odd":
            raise RecursionError("too deep")
        return value

    with (
        HostVariable("odd") as odd,
        HostVariable("pose") as pose,
        Recorder(tmp_path / "run.mcap", jsonable=refuse) as recorder,
    ):
        odd.data, pose.data = "odd", 1
        recorder.look()

    with open(tmp_path / "run.mcap", "rb") as stream:
        found = make_reader(stream).iter_messages(topics=["/odd", "/pose"])
        shown = {channel.topic: json.loads(message.data)["value"] for _, channel, message in found}
    assert shown == {"/odd": "RecursionError: too deep", "/pose": 1}
    assert len(samples_of(tmp_path / "run.mcap", "odd")) == 1


def test_schema_that_is_no_text_is_told_and_the_others_are_recorded(namespace: Path, tmp_path: Path) -> None:
    """The file of a recording has texts alone."""
    told: list[str] = []
    replica = RecordReplica()
    replica.open(b"odd", os.fsencode(namespace), size=48, participants=8, persistent=True, schema=b"type \xff")
    with HostVariable("pose") as pose, Recorder(tmp_path / "run.mcap", notice=told.append) as recorder:
        replica.write(bytes(48))
        pose.data = 1
        recorder.look()
    replica.close()

    assert [entry.description.name for entry in Recording(tmp_path / "run.mcap").contents()] == ["pose"]
    (complaint,) = told
    assert complaint.startswith("'odd' is not recorded: the schema of the buffer is no text in UTF-8: ")


def record_in_pieces(pose: HostVariable, count: int, recorder: Recorder) -> None:
    """Set a variable to 0 and so on, and write each value into a chunk of its own."""
    for value in range(count):
        pose.data = value
        recorder.look()
        recorder.look()  # what was seen is written by the next look
        recorder.flush()


def test_file_is_read_up_to_where_it_was_cut(namespace: Path, tmp_path: Path) -> None:
    """A recorder that died leaves such a file, wherever it was."""
    with HostVariable("pose") as pose, Recorder(tmp_path / "run.mcap") as recorder:
        record_in_pieces(pose, 20, recorder)
    whole = samples_of(tmp_path / "run.mcap", "pose")
    content = (tmp_path / "run.mcap").read_bytes()

    for size in range(8, len(content), 211):
        (tmp_path / "cut.mcap").write_bytes(content[:size])
        cut = Recording(tmp_path / "cut.mcap")
        found = [(sample.number, sample.missed, sample.payload) for _, sample in cut.samples()]

        assert found == whole[: len(found)]
        assert not cut.is_complete
    assert len(whole) == 20
    assert len(found) == 20  # the last cut was within the index


def test_damaged_file_is_told_from_a_cut_one(namespace: Path, elsewhere: Path, tmp_path: Path) -> None:
    """What lies behind the damage would be lost in silence."""
    with HostVariable("pose") as pose, Recorder(tmp_path / "run.mcap") as recorder:
        pose.data = "x" * 1000
        recorder.look()
    content = (tmp_path / "run.mcap").read_bytes()
    (tmp_path / "text").write_text("hello, world")

    for place in (content.index(b"lz4") + 30, content.index(b"lz4") - 38):  # in the chunk's bytes, and in its length
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        (tmp_path / "run.mcap").write_bytes(damaged)
        with pytest.raises(Corrupted, match=r"run.mcap' is damaged before byte \d+: "):
            Recording(tmp_path / "run.mcap").contents()
        with (
            Replayer(tmp_path / "run.mcap", directory=elsewhere) as replayer,
            pytest.raises(Corrupted, match=r"run.mcap' is damaged"),
        ):
            replayer.run()
    with pytest.raises(Corrupted, match="is no recording: it does not begin as an MCAP file does"):
        Recording(tmp_path / "text").contents()


SOUND = Description("pose", "variable", "0" * 32, 100, 3, 8, 4, persistent=True).metadata()
FIELDS = '{{"size": 4, "fields": [["x", 0, {}, 1, "{}"]]}}'


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"kind": "map"}, "an object of kind 'map', and recorded are buffer, channel, share, variable"),
        ({"size": "-1"}, "has the size -0x1, which none can have"),
        ({"size": str(1 << 80)}, "which none can have"),
        ({"slots": str(1 << 80)}, "has the slots 0x1"),
        ({"struct": FIELDS.format(4, "float7")}, "the field 'x' of the unknown type 'float7'"),
        ({"struct": '{"size": 4, "fields": [["x", 0, 4, 1, []]]}'}, "the field 'x' of the unknown type []"),
        ({"struct": '{"size": 4, "fields": [["\\u0000", 0, 4, 1, "int32"]]}'}, "which is no name"),
        ({"struct": FIELDS.format(-4, "float32")}, "the number -4, which none can have"),
        ({"struct": FIELDS.format('"4"', "float32")}, "the number '4', which none can have"),
        ({"struct": '{"size": 4, "fields": 7}'}, "is no size with a list of fields"),
        ({"struct": "[" * 100_000}, "is no size with a list of fields"),
    ],
    ids=range(11),
)
def test_file_of_another_program_is_refused_with_a_reason(
    words: dict[str, str], reason: str, elsewhere: Path, tmp_path: Path
) -> None:
    """Anybody can write such a file, and send it."""
    with open(tmp_path / "run.mcap", "wb") as stream:
        writer: Any = McapWriter(stream)
        writer.start()
        channel = writer.register_channel("/memlane/pose", "memlane", 0, SOUND | words)
        writer.add_message(channel, 0, Sample(0, 1, 0, 0, 0, 0, b"").packed(), 0)
        writer.finish()

    with (
        Replayer(tmp_path / "run.mcap", directory=elsewhere) as replayer,
        pytest.raises(Corrupted, match=f"run.mcap' is damaged: .*{re.escape(reason)}"),
    ):
        replayer.run()


@pytest.mark.parametrize("options", [{"use_chunking": False}, {"repeat_channels": False}], ids=str)
def test_copy_by_another_program_is_read_and_replayed(
    options: dict[str, bool], namespace: Path, elsewhere: Path, tmp_path: Path
) -> None:
    """Who cuts or joins recordings need not write chunks, nor an index of channels: MCAP leaves both open."""
    with HostVariable("pose") as pose, Recorder(tmp_path / "run.mcap") as recorder:
        record_in_pieces(pose, 20, recorder)
    copy_as_another_program(tmp_path / "run.mcap", tmp_path / "copy.mcap", options)

    with Replayer(tmp_path / "copy.mcap", directory=elsewhere, speed=FAST) as replayer:
        replayer.run()

    assert replayer.samples == 20
    assert inspected("pose", elsewhere)[1:] == inspected("pose", namespace)[1:]
    assert samples_of(tmp_path / "copy.mcap", "pose") == samples_of(tmp_path / "run.mcap", "pose")


def test_file_without_chunks_is_read_up_to_where_it_was_cut(namespace: Path, tmp_path: Path) -> None:
    """Half of a message must not pass for a whole one."""
    with HostVariable("pose") as pose, Recorder(tmp_path / "run.mcap") as recorder:
        record_in_pieces(pose, 20, recorder)
    copy_as_another_program(tmp_path / "run.mcap", tmp_path / "copy.mcap", {"use_chunking": False})
    whole, content = samples_of(tmp_path / "copy.mcap", "pose"), (tmp_path / "copy.mcap").read_bytes()

    for size in range(8, len(content), 29):
        (tmp_path / "cut.mcap").write_bytes(content[:size])
        cut = Recording(tmp_path / "cut.mcap")
        found = [(sample.number, sample.missed, sample.payload) for _, sample in cut.samples()]

        assert found == whole[: len(found)]
        assert not cut.is_complete
    assert len(found) == 20


def test_damage_of_a_file_without_chunks_is_told_where_it_has_a_checksum(namespace: Path, tmp_path: Path) -> None:
    """Its messages have none of their own."""
    with HostVariable("pose") as pose, Recorder(tmp_path / "run.mcap") as recorder:
        pose.data = "x" * 1000
        recorder.look()
    options = {"use_chunking": False, "enable_data_crcs": True}
    copy_as_another_program(tmp_path / "run.mcap", tmp_path / "copy.mcap", options)
    damaged = (tmp_path / "copy.mcap").read_bytes().replace(b"xxx", b"yyy")
    (tmp_path / "copy.mcap").write_bytes(damaged)

    with pytest.raises(Corrupted, match=r"copy.mcap' is damaged before byte \d+: crc validation failed in DataEnd"):
        Recording(tmp_path / "copy.mcap").contents()


def copy_as_another_program(original: Path, path: Path, options: dict[str, Any]) -> None:
    """Write the bytes of a recording's objects into another file, with these options of MCAP's writer."""
    with open(original, "rb") as source, open(path, "wb") as stream:
        writer: Any = McapWriter(stream, **options)
        writer.start()
        channels: dict[int, int] = {}
        for _, channel, message in make_reader(source).iter_messages():
            if channel.message_encoding != "memlane":
                continue
            if channel.id not in channels:
                channels[channel.id] = writer.register_channel(channel.topic, "memlane", 0, channel.metadata)
            writer.add_message(channels[channel.id], message.log_time, message.data, message.publish_time)
        writer.finish()


def test_file_without_a_topic_of_memlane_is_refused(elsewhere: Path, tmp_path: Path) -> None:
    """It is a recording of something else, and to call it empty would hide that."""
    with open(tmp_path / "camera.mcap", "wb") as stream:
        writer: Any = McapWriter(stream)
        writer.start()
        writer.add_message(writer.register_channel("/camera", "cdr", 0), 0, b"picture", 0)
        writer.finish()

    with pytest.raises(Corrupted, match=r"camera.mcap' is no recording of memlane's: .* the encoding 'cdr'"):
        Recording(tmp_path / "camera.mcap").contents()
    with (
        Replayer(tmp_path / "camera.mcap", directory=elsewhere) as replayer,
        pytest.raises(Corrupted, match="is no recording of memlane's"),
    ):
        replayer.run()


def test_chunk_of_another_program_that_holds_no_whole_records_is_told(elsewhere: Path, tmp_path: Path) -> None:
    """A chunk without a checksum is taken apart as it is, by the thread that plays."""
    with open(tmp_path / "run.mcap", "wb") as stream:
        writer: Any = McapWriter(stream, compression=CompressionType.NONE, enable_crcs=False)
        writer.start()
        channel = writer.register_channel("/memlane/pose", "memlane", 0, SOUND)
        writer.add_message(channel, 0, Sample(0, 1, 0, 0, 0, 0, b"").packed(), 0)
        writer.finish()
    damaged = bytearray((tmp_path / "run.mcap").read_bytes())
    damaged[damaged.index(b"/memlane/pose") - 1] = 0xFF  # in the length of the topic
    (tmp_path / "run.mcap").write_bytes(damaged)

    with (
        Replayer(tmp_path / "run.mcap", directory=elsewhere) as replayer,
        pytest.raises(Corrupted, match="run.mcap' is damaged: a chunk holds no whole records"),
    ):
        replayer.run()


def test_replay_is_refused_where_an_object_has_other_sizes(namespace: Path, elsewhere: Path, tmp_path: Path) -> None:
    """Writing into what somebody else made otherwise would help nobody."""
    with HostVariable("pose", 100) as pose, Recorder(tmp_path / "run.mcap") as recorder:
        pose.data = 1
        recorder.look()

    with (
        HostVariable("pose", 200, directory=elsewhere),
        Replayer(tmp_path / "run.mcap", directory=elsewhere) as replayer,
        pytest.raises(SizeMismatch, match="max_size"),
    ):
        replayer.run()


@pytest.mark.slow
def test_bytes_without_a_reader_are_told_at_the_end(namespace: Path, elsewhere: Path, tmp_path: Path) -> None:
    """A replay that waits for nobody must say what it left out."""
    with (
        open_channel("bytes", memlane.CHAN_W, 10) as writer,
        open_channel("bytes", memlane.CHAN_R) as reader,
        Recorder(tmp_path / "run.mcap") as recorder,
    ):
        for _ in range(3):
            writer.write(b"0123456789")
            recorder.look()
            reader.read_bytes(10)

    with Replayer(tmp_path / "run.mcap", directory=elsewhere, speed=FAST) as replayer:
        replayer.run()

        assert replayer.left_out == {"bytes": 20}


def read_little_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a replay have one piece in store, as large recordings have 64 MiB."""
    monkeypatch.setattr(memlane.recording.ahead, "_MOST_BYTES", 1)
    monkeypatch.setattr(memlane.recording.ahead, "_FEW_BYTES", 1)


def test_replay_plays_more_than_is_read_ahead(
    namespace: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording is larger than memory; who reads ahead and who plays wait for each other."""
    read_little_ahead(monkeypatch)
    with HostVariable("pose") as pose, Recorder(tmp_path / "run.mcap") as recorder:
        record_in_pieces(pose, 20, recorder)

    with Replayer(tmp_path / "run.mcap", directory=elsewhere, speed=FAST) as replayer:
        replayer.run()

        assert replayer.samples == 20


def test_replay_that_is_asked_to_end_reads_no_further(
    namespace: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for may come late in a long file, or never: Ctrl-C does not wait for it."""
    read_little_ahead(monkeypatch)
    with HostVariable("pose") as pose, HostVariable("rare") as rare, Recorder(tmp_path / "run.mcap") as recorder:
        record_in_pieces(pose, 20, recorder)
        rare.data = 1
        recorder.look()
    read = []
    all_pieces = Recording.pieces

    def pieces(recording: Recording) -> Iterator[Piece]:
        for piece in all_pieces(recording):
            read.append(piece)
            yield piece

    monkeypatch.setattr(Recording, "pieces", pieces)
    with Replayer(tmp_path / "run.mcap", ["rare"], directory=elsewhere, speed=FAST) as replayer:
        replayer.run(lambda: True)

        assert replayer.samples == 0
    assert len(read) < 10


def test_interrupt_while_the_first_pieces_are_read_ends_the_thread() -> None:
    """Nobody is left who would: the `with` block was not entered."""

    def interrupt() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Ahead(itertools.repeat(Piece((), 0)), interrupt):
        pass

    assert not [thread for thread in threading.enumerate() if thread.name == "memlane-read-ahead"]


def test_comparison_finds_what_differs(namespace: Path, elsewhere: Path, tmp_path: Path) -> None:
    """A comparison that cannot fail proves nothing."""
    for path, directory, written in (("a", namespace, (1, 2, 3)), ("b", elsewhere, (1, 5))):
        with (
            Recorder(tmp_path / path, directory=directory) as recorder,
            HostVariable("pose", directory=directory) as pose,
            open_channel("bytes", memlane.CHAN_W, 100, directory=directory) as channel,
        ):
            for value in written:
                pose.data = value
                channel.write(b"%d" % value)
                recorder.look()

    values, stream = sorted(compare(tmp_path / "a", tmp_path / "b"), key=lambda entry: entry.kind, reverse=True)

    assert (values.same, values.different, values.unseen, values.is_same) == (1, 1, 1, False)
    assert (stream.same, stream.different, stream.unseen, stream.is_same) == (1, 1, 1, False)
    assert len(values.late_ns) == 1


class Busy:
    """A recording of a channel with many looks."""

    LOOKS = 100_000
    description = Description("bytes", "channel", "0" * 32, 100, 0, 8, 0, persistent=True)

    def __init__(self, path: str) -> None:
        pass

    def samples(self, _: object) -> Iterator[tuple[Description, Sample]]:
        """Give one byte for each look."""
        return ((self.description, Sample(look, look, 0, 0, 0, 0, b"x")) for look in range(self.LOOKS))


@pytest.mark.slow
def test_comparison_with_a_replay_that_never_was_finds_it(namespace: Path, tmp_path: Path) -> None:
    """Its status is what a script goes by."""
    with HostVariable("pose") as pose, Recorder(tmp_path / "run.mcap") as recorder:
        pose.data = 1
        recorder.look()
    with Recorder(tmp_path / "nothing.mcap", ["nothing"]):
        pass

    (pose_compared,) = compare(tmp_path / "run.mcap", tmp_path / "nothing.mcap")

    assert (pose_compared.unseen, pose_compared.is_same) == (1, False)
    assert main(["info", str(tmp_path / "run.mcap"), "--compare", str(tmp_path / "nothing.mcap")]) == 1


def test_long_streams_are_compared_in_a_time_that_grows_with_their_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of a busy channel has millions of looks: for each of them over all, this would meet the watchdog."""
    monkeypatch.setattr(memlane.recording.comparison, "Recording", Busy)

    (found,) = compare("a", "b")

    assert (found.same, len(found.late_ns), found.late_at(1.0)) == (Busy.LOOKS, Busy.LOOKS, 0)


def test_info_judges_a_replay(
    namespace: Path, elsewhere: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script asks whether the replay was what happened, and when."""
    original, copy = str(tmp_path / "a"), str(tmp_path / "b")
    with Recorder(original) as recorder, HostVariable("pose") as pose:
        for value in range(3):
            pose.data = value
            recorder.look()
    with Recorder(copy, directory=elsewhere) as recorder, HostVariable("pose", directory=elsewhere) as pose:
        for value in range(3):
            pose.data = value
            recorder.look()

    assert main(["info", original, "--compare", copy]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[1].split()[:5] == ["pose", "variable", "3", "0", "0"]
    assert said.splitlines()[2].startswith("99 of 100 came within ")
    assert main(["info", original, "--compare", copy, "--within", "3600"]) == 0
    assert main(["info", original, "--compare", copy, "--within", "1e-12", "--json"]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["late_p99"] > 1e-12


@pytest.mark.parametrize("use", ["close", "look", "flush"])
def test_recording_stays_with_the_parent_of_a_fork(namespace: Path, tmp_path: Path, use: str) -> None:
    """Two would write over each other: they share the place in the file at which each goes on."""
    path = tmp_path / "run.mcap"
    with HostVariable("pose") as pose, Recorder(path) as recorder:
        pose.data = "before the fork"
        recorder.look()

        def use_it() -> str:
            try:
                getattr(recorder, use)()
            except OwnershipLost as error:
                return str(error)
            return "done"

        told = answer_of_child(use_it)
        pose.data = "after it"

    refusal = f"{str(path)!r} is recorded by process {os.getpid()}, from which this one was forked: record into another"
    assert told.startswith("done" if use == "close" else refusal)
    assert [number for number, _, _ in samples_of(path, "pose")] == [1, 2]


@pytest.mark.slow
def test_child_that_ends_writes_nothing_into_the_recording_of_its_parent(namespace: Path, tmp_path: Path) -> None:
    """Python writes what waits in a file at the end of each process that has it."""
    program = """
import os, sys
from memlane import HostVariable
from memlane.recording import Recorder
path = sys.argv[1]
pose, recorder = HostVariable("pose", 1 << 20), Recorder(path)
for _ in range(25):  # a chunk of the file is full now and then, and its end waits to be written
    pose.data = os.urandom(100_000)
    recorder.look()
before = os.path.getsize(path)
if os.fork() == 0:
    sys.exit()
os.wait()
print(os.path.getsize(path) - before)
recorder.close()
"""

    ended = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "run.mcap"], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0\n", "")


def test_file_that_exists_is_kept_unless_told_otherwise(namespace: Path, tmp_path: Path) -> None:
    """The last run may be the one that matters."""
    (tmp_path / "run.mcap").write_text("precious")

    with pytest.raises(FileExistsError, match="give another name, or overwrite it"):
        Recorder(tmp_path / "run.mcap")
    assert (tmp_path / "run.mcap").read_text() == "precious"
    with Recorder(tmp_path / "run.mcap", overwrite=True):
        pass
    assert Recording(tmp_path / "run.mcap").contents() == []


@pytest.mark.parametrize("command", [("record", "-o", "{file}2"), ("replay", "{file}"), ("info", "{file}")])
def test_commands_say_what_to_install(
    command: tuple[str, ...],
    namespace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The base package needs nothing."""
    for module in ("mcap.writer", "mcap.stream_reader"):
        monkeypatch.setitem(sys.modules, module, None)

    status = main([part.format(file=tmp_path / "run.mcap") for part in command])

    assert status == 2
    assert "pip install 'memlane[record]'" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
    with pytest.raises(MissingDependency):
        Recording(tmp_path / "run.mcap")


def test_info_tells_what_there_is_and_what_is_missing(
    namespace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first look at a file that somebody sent."""
    path = tmp_path / "run.mcap"
    with Recorder(path) as recorder, HostVariable("pose") as pose:
        for value in range(5):
            pose.data = value
        recorder.look()
    path.write_bytes(path.read_bytes()[:-8])

    status = main(["info", str(path)])
    said = capsys.readouterr().out
    main(["info", str(path), "--json"])
    told = json.loads(capsys.readouterr().out)

    assert status == 0
    assert "never finished: its recorder was killed, or still runs" in said
    assert said.splitlines()[-1].split()[:4] == ["pose", "variable", "1", "4"]
    assert (told["complete"], told["objects"][0]["missed"]) == (False, 4)
