"""`memlane.inspect`: what is told of objects of every kind, without touching them."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import datetime as dt
import os
import re
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import HostVariable, inspect
from memlane._native.inspect import Inspection
from memlane.buffer import Buffer, Parameter
from memlane.inspect.device import record_values
from tests.children import answer_of_child
from tests.peer import Link, Peer, wait_until
from tests.segments import PAGE, Segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

Arm = Buffer.make_type(
    "arm",
    [
        Parameter("angle", Parameter.parse_ctype("float"), 0, writeable=True),
        Parameter("steps", Parameter.parse_ctype("uint16[3]"), 1),
    ],
)


class Pose(ctypes.Structure):
    """What C programs share."""

    _fields_ = (("number", ctypes.c_int32), ("place", ctypes.c_float * 3))


def hold(link: Link, name: str) -> None:
    """Keep a view, a loan and a variable until told otherwise."""
    with HostVariable(name, create=False) as variable, variable.view(), variable.loan(size=16):
        link.send("open")
        link.receive()


def test_every_kind_is_told_with_what_it_was_made_with(namespace: Path) -> None:
    """Whoever looks at night knows none of the programs."""
    with (
        HostVariable("variable", 100, slots=3),
        memlane.SharedAssign("share", 2000, "put"),
        memlane.open_channel("channel", memlane.CHAN_W, 300),
        memlane.RWSharedMMap("map", 4000),
        memlane.HostFunctionCaller("function", 500, 600),
        Arm.open("arm-buffer"),
    ):
        found = {item.name: item for item in inspect.objects(namespace) if isinstance(item, inspect.Object)}

        kinds = {name: item.kind for name, item in found.items()}
        assert kinds.pop("arm-buffer") == "buffer"
        assert kinds == {name: name for name in ("variable", "share", "channel", "map", "function")}
        assert found["variable"].limits == {"slots": 3, "max_size": 100}
        assert found["share"].limits["size"] == 2000
        assert found["channel"].limits == {"chanSz": 300}
        assert found["map"].limits == {"size": 4000}
        assert found["function"].limits["max_sz_args"] == 500
        assert found["function"].limits["max_sz_ret"] == 600
        assert found["arm-buffer"].schema[0] == "type arm"


def test_facts_are_frozen(namespace: Path) -> None:
    """What was told of a moment does not change afterwards."""
    with HostVariable("pose"):
        found = inspect.look("pose")

    with pytest.raises(dataclasses.FrozenInstanceError):
        found.version = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.counters["writes"] = 3  # type: ignore[index]


def test_structs_of_arguments_and_results_of_a_function_are_told(namespace: Path) -> None:
    """Who writes the other side in C begins with these offsets."""
    with (
        memlane.HostFunctionCaller("both", arg_format=Pose, ret_format=np.dtype("f8")),
        memlane.HostFunctionCaller("result", ret_format=Pose),
        memlane.HostFunctionCaller("any"),
    ):
        found = {item.name: item.schema for item in inspect.objects(namespace) if isinstance(item, inspect.Object)}

    fields = ("number: int32 at byte 0", "place: float32[3] at byte 4")
    assert found["both"] == (*(f"arguments.{field}" for field in fields), "result: float64 at byte 0")
    assert found["result"] == tuple(f"result.{field}" for field in fields)
    assert found["any"] == ()


def test_a_participant_is_told_with_what_it_holds_and_when_it_died(namespace: Path) -> None:
    """A hunt for leaks begins with a process."""
    with HostVariable("pose") as variable, Peer(hold, "pose") as holder:
        variable.data = b"first"
        assert holder.receive() == "open"
        living = {participant.pid: participant for participant in inspect.look("pose").participants}[holder.pid]
        holder.kill()
        wait_until(lambda: inspect.look("pose").dead, "the death shows")
        dead = inspect.look("pose").dead[0]

        assert (living.slots_viewed, living.slots_writing, living.holds) == (1, 1, True)
        assert living.program.startswith("python")
        assert living.since is not None
        assert living.since <= time.time()
        assert (dead.pid, dead.alive) == (holder.pid, False)


def test_roles_of_channel_function_and_map_are_told(namespace: Path) -> None:
    """Who reads, who writes, who serves, who has the lock."""
    with (
        memlane.open_channel("channel", memlane.CHAN_W, 300) as writer,
        memlane.open_channel("channel", memlane.CHAN_R),
        memlane.RWSharedMMap("map", 4000) as shared,
        memlane.HostFunctionDispatcher() as dispatcher,
        memlane.HostFunctionCaller("function") as caller,
    ):
        dispatcher.add("function", lambda value: value)
        dispatcher.start()
        assert caller.call(3) == 3
        writer.write(b"12345")
        with shared.lock_write():
            locked = inspect.look("map").participants[0].roles
        with shared.lock_read():
            reading = inspect.look("map").participants[0].roles

        channel, function = inspect.look("channel"), inspect.look("function")
        assert {participant.roles for participant in channel.participants} == {("writer",), ("reader",)}
        assert (channel.filled, channel.position) == (5, 5)
        assert {role for participant in function.participants for role in participant.roles} == {"serves", "calls"}
        assert function.counters["served"] == 1
        assert locked == ("locks",)
        assert reading == ("shares lock",)


def test_values_are_decoded_without_the_code_of_their_program(namespace: Path) -> None:
    """The class that a program wrote is not here, and need not be."""
    with (
        HostVariable("plain") as plain,
        HostVariable("array", 4096) as array,
        HostVariable("struct", data_format=Pose) as struct,
        memlane.NumpyShare("share", "64K", "put") as share,
        memlane.RWSharedMMap("map", 100) as shared,
    ):
        plain.data = {"x": [1, None, "two"]}
        array.data = np.arange(3)
        struct.data = Pose(4, (1.0, 2.0, 3.0))
        share.put(np.ones((2, 2)))
        with shared.lock_write():
            shared.write(b"hello")

        assert inspect.read("plain").value == {"x": [1, None, "two"]}
        assert inspect.read("array").value.tolist() == [0, 1, 2]
        assert inspect.read("struct").value["place"].tolist() == [1.0, 2.0, 3.0]
        assert inspect.read("struct").form == "struct"
        assert inspect.look("struct").schema == ("number: int32 at byte 0", "place: float32[3] at byte 4")
        assert inspect.read("share").value.shape == (2, 2)
        assert inspect.look("share").untaken
        assert inspect.bytes_of("map", 1, 3) == b"ell"


def test_a_pickle_is_disassembled_and_loaded_only_when_asked(namespace: Path) -> None:
    """Loading runs the code that the pickle names."""
    moment = dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc)
    with HostVariable("moment") as variable:
        variable.data = moment
        shown = inspect.read("moment")
        loaded = inspect.read("moment", load_pickles=True)

    assert shown.form == "pickle"
    assert shown.value.needs == ("datetime.datetime", "datetime.timezone", "datetime.timedelta")
    assert "STACK_GLOBAL" in shown.value.disassemble()
    assert loaded.value == moment


def test_a_pickle_that_others_can_write_is_not_loaded(namespace: Path) -> None:
    """Their code would run as this user."""
    with HostVariable("moment", mode=0o666) as variable:
        variable.data = dt.timedelta(1)

        with pytest.raises(memlane.UnsafePickle, match="mode 666: others could have written this pickle"):
            inspect.read("moment", load_pickles=True)


def test_a_damaged_pickle_is_shown_as_far_as_it_goes() -> None:
    """Damage is what one looks for."""
    broken = inspect.Pickled(b"\x80\x05\x8c\xffabc", ())

    assert broken.needs == ()
    assert "and here it ends" in broken.disassemble()


def test_parameters_of_a_device_buffer_are_told_by_name(namespace: Path) -> None:
    """Its catalog is not needed: the schema lies with it."""
    with Arm.open("arm-buffer") as arm:
        arm.set("angle", 1.5)
        arm.set("steps", [1, 2, 3])
        arm.write("angle", -2.5)
        arm.valid = True

        found = inspect.read("arm-buffer").value

    assert found["type"] == "arm"
    assert found["parameters"] == {"angle": 1.5, "steps": [1, 2, 3]}
    assert found["requested"] == {"angle": -2.5}
    assert found["valid"]


def speak_for_the_arm(link: Link) -> None:
    """Make a device buffer valid until told otherwise."""
    with Arm.open("arm-buffer") as arm:
        arm.set("angle", 1.5)
        link.send("valid")
        link.receive()


def test_device_buffer_is_told_as_valid_while_its_owner_lives(namespace: Path) -> None:
    """A killed driver has no time to say that its device is not there any more."""
    with Peer(speak_for_the_arm) as driver:
        driver.receive()
        assert inspect.read("arm-buffer").value["valid"]

        driver.kill()

    found = inspect.read("arm-buffer").value
    assert not found["valid"]
    assert found["parameters"]["angle"] == 1.5


@pytest.mark.parametrize("name", ["it's", 'a "b"', 'it\'s a "b"', "back\\slash", "größe"])
def test_names_in_a_schema_are_read_as_they_were_given(name: str, namespace: Path) -> None:
    """One odd name must not hide the whole buffer."""
    odd = Buffer.make_type("odd", [Parameter(name, ctypes.c_float, 0)], (name, ctypes.c_uint16))
    with odd.open("odd") as buffer:
        buffer.set(name, 0.5)

        found = inspect.read("odd").value

    assert found["parameters"] == {name: 0.5}
    assert found["fields"] == {name: 0}


def test_fields_beside_the_parameters_may_be_vectors(namespace: Path) -> None:
    """They are told by the names that ctypes has for them."""
    extended = Buffer.make_type("extended", [], ("label", ctypes.c_char * 8), ("matrix", ctypes.c_uint8 * 2 * 3))
    with extended.open("extended") as buffer:
        buffer.label, buffer.matrix = b"left", [[1, 2], [3, 4], [5, 6]]  # type: ignore[attr-defined]

        found = inspect.read("extended").value

    assert found["fields"] == {"label": b"left", "matrix": [1, 2, 3, 4, 5, 6]}


def test_name_in_a_schema_that_is_no_text_is_told() -> None:
    """Anybody can write a schema."""
    with pytest.raises(memlane.Corrupted, match="which is no text"):
        record_values("type arm\nparameter '\\x', id 1: bool, readable", bytes(57))


@pytest.mark.parametrize(
    "lengths", ["[99999999999][99999999999]", "[65536][65536][2]", f"[{'9' * 5000}]"], ids=range(3)
)
def test_a_parameter_that_no_record_can_hold_is_named(lengths: str) -> None:
    """Anybody can write a schema."""
    line = f"parameter 'x', id 1: int32{lengths}, readable"

    with pytest.raises(memlane.Corrupted, match=re.escape(f'has the line "{line}", which is larger than any record')):
        record_values(f"type arm\n{line}", bytes(56))


@pytest.mark.parametrize(
    ("field", "value", "error", "reason"),
    [
        ("magic", 0, "Corrupted", "does not begin as memlane's objects do"),
        ("endian", 0x04030201, "LayoutMismatch", "another byte order"),
        ("layout_major", 0, "LayoutMismatch", "of an older version of memlane"),
        ("kind", 99, "LayoutMismatch", "is of a kind (99) that this memlane does not know"),
        ("total_size", 1 << 40, "Corrupted", "the sizes in its header contradict each other"),
    ],
)
def test_damage_is_listed_with_its_reason_and_breaks_nothing(
    namespace: Path, field: str, value: int, error: str, reason: str
) -> None:
    """One bad file must not hide a thousand good ones."""
    with HostVariable("bad"), HostVariable("good"):
        pass
    Segment(namespace / "bad").set(field, value, seal=True)

    bad, good = inspect.objects(namespace)

    assert isinstance(bad, inspect.Damaged)
    assert bad.error == error
    assert reason in bad.reason
    assert good.kind == "variable"


DAMAGES = 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["variable", "share", "channel", "function", "map", "buffer"])
def test_random_damage_is_listed_or_passed_over_and_breaks_nothing(namespace: Path, kind: str) -> None:
    """Who damages memory does not ask which bytes the tools look at."""
    random = Random(kind)
    makers: dict[str, Callable[[], AbstractContextManager[Any]]] = {
        "variable": lambda: HostVariable("bad", data_format=Pose, slots=2, max_participants=4),
        "share": lambda: memlane.SharedAssign("bad", 100, "put", slots=2),
        "channel": lambda: memlane.open_channel("bad", memlane.CHAN_W, 100, persistent=True),
        "function": lambda: memlane.HostFunctionCaller("bad", arg_format=Pose, max_sz_ret=64),
        "map": lambda: memlane.RWSharedMMap("bad", 100),
        "buffer": lambda: Arm.open("bad"),
    }
    with HostVariable("good"), makers[kind]():
        pass
    segment, content = Segment(namespace / "bad"), (namespace / "bad").read_bytes()
    for _ in range(DAMAGES):
        damaged = bytearray(content)
        for _ in range(random.randrange(1, 9)):
            # Half of the damage hits the header, which decides what everything else is taken for.
            damaged[random.randrange(random.choice((PAGE, len(content))))] = random.randrange(256)
        length = random.choice((len(content), random.randrange(len(content))))
        segment.path.write_bytes(damaged[:length])
        if length >= PAGE and random.random() < 0.8:
            segment.seal()

        bad, good = inspect.objects(namespace)
        with contextlib.suppress(memlane.Error):
            inspect.read("bad")
        with contextlib.suppress(memlane.Error):
            inspect.peek("bad")
        with contextlib.suppress(memlane.Error):
            inspect.bytes_of("bad")

        assert (bad.name, good.name, good.kind) == ("bad", "good", "variable")


def test_what_is_no_object_is_listed_as_damaged(namespace: Path) -> None:
    """Somebody put it there, and it takes memory."""
    (namespace / "text").write_text("hello")
    (namespace / "folder").mkdir()
    (namespace / "link").symlink_to("/etc/passwd")
    (namespace / ".hidden").write_text("memlane's own, or nobody's")

    found = {item.name: item.reason for item in inspect.objects(namespace) if isinstance(item, inspect.Damaged)}

    assert sorted(found) == ["folder", "link", "text"]
    assert "its file holds 5 bytes and a header takes 4096" in found["text"]
    (namespace / "folder").rmdir()


def test_a_namespace_that_was_never_made_has_no_objects_and_is_not_made(tmp_path: Path) -> None:
    """Looking leaves no trace."""
    missing = tmp_path / "missing"

    assert inspect.objects(missing) == []
    assert inspect.names(missing) == []
    assert not missing.exists()


def test_rates_and_troubles_are_told_between_two_looks(namespace: Path) -> None:
    """What flows, and since when it does not."""
    with HostVariable("pose") as variable, memlane.HostFunctionDispatcher() as dispatcher:
        dispatcher.add("divide", lambda left, right: left / right)
        dispatcher.start()
        with memlane.HostFunctionCaller("divide") as caller:
            observer = inspect.Observer(namespace)
            first = observer.look()
            for number in range(10):
                variable.data = number
            with pytest.raises(ZeroDivisionError):
                caller.call(1, 0)
            second = observer.look()

    rates = second.rates["pose"]
    assert first.rates == {}
    assert first.troubles == ()
    assert rates.per_second["writes"] * rates.seconds == pytest.approx(10)
    assert second.rates["divide"].latency is not None
    (trouble,) = second.troubles
    assert (trouble.name, trouble.what, trouble.count) == ("divide", "calls that ended with an error", 1)
    assert trouble.first == trouble.last == second.at


def test_an_object_that_was_made_anew_has_no_rates(namespace: Path) -> None:
    """The counters of another object are no measure."""
    with HostVariable("pose"):
        observer = inspect.Observer(namespace)
        observer.look()
        memlane.unlink("pose")
        with HostVariable("pose"):
            assert "pose" not in observer.look().rates


def test_a_look_opens_and_maps_for_reading_only(namespace: Path) -> None:
    """Observing never disturbs: no byte changes, and none could."""
    with HostVariable("pose") as variable:
        variable.data = "value"
    path = namespace / "pose"
    before = path.read_bytes(), path.stat().st_mtime_ns

    def look() -> tuple[list[str], list[int]]:
        open_look = Inspection(b"pose", b"")
        inspect.objects(namespace)
        with open("/proc/self/maps", encoding="utf-8") as maps:
            mapped = [line.split()[1] for line in maps if str(path) in line]
        opened = [
            int(Path(f"/proc/self/fdinfo/{number}").read_text().split()[3], 8) & os.O_ACCMODE
            for number in os.listdir("/proc/self/fd")
            if os.path.realpath(f"/proc/self/fd/{number}") == str(path)
        ]
        open_look.close()
        return mapped, opened

    mapped, opened = answer_of_child(look)

    assert mapped == ["r--s"]
    assert opened == [os.O_RDONLY]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert inspect.look("pose").participants == ()


def test_a_look_that_is_over_says_so(namespace: Path) -> None:
    """Its mapping is gone."""
    with HostVariable("pose"):
        look = Inspection(b"pose", b"")
    look.close()

    with pytest.raises(memlane.Closed, match="this look at an object is over"):
        look.facts()
