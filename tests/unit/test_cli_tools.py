"""The subcommands that look at objects: what they say, to people and to programs, and their exit status."""

from __future__ import annotations

import datetime as dt
import json
import os
import pty
import signal
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import HostVariable
from memlane.cli import SUBCOMMANDS, main, parser_for, words
from memlane.cli.completion import candidates
from memlane.cli.pictures import picture, statistics
from tests.peer import Link, Peer

if TYPE_CHECKING:
    from pathlib import Path


def hold(link: Link, name: str) -> None:
    """Keep a variable and a loan of it open."""
    with HostVariable(name) as variable, variable.loan(size=16):
        link.send("open")
        link.receive()


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a subcommand that ends well, and return what it printed."""
    status = main(arguments)
    said = capsys.readouterr()
    assert (status, said.err) == (0, "")
    return said.out


def answer_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Return what it printed for programs."""
    return json.loads(answer(capsys, *arguments, "--json"))


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a subcommand that cannot be done, and return why."""
    status = main(arguments)
    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    return said.err


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_the_output_cannot_encode_is_escaped(encoding: str, namespace: Path) -> None:
    """Some terminals are old; and a text may hold what no encoding has."""
    with HostVariable("größe") as variable:
        variable.data = {"text": "\ud800 €"}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "memlane", *arguments]
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        return subprocess.run(command, env=environment, capture_output=True, check=True).stdout.decode(encoding)

    assert json.loads(run("get", "größe", "--json")) == {"text": "\ud800 €"}
    assert "text" in run("get", "größe")
    assert ("größe" if encoding != "ascii" else "gr\\xf6\\xdfe") in run("ls")


@pytest.mark.parametrize("subcommand", ["ls", "top", "doctor"])
def test_closed_output_is_told(namespace: Path, subcommand: str) -> None:
    """A script did that, and looks for the reason."""
    with HostVariable("pose") as variable:
        variable.data = 1
    command = f"exec '{sys.executable}' -m memlane {subcommand} >&-"

    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == f"memlane {subcommand}: the standard output is closed: there is nowhere to answer\n"


def test_ls_shows_a_line_for_each_object_and_why_one_is_damaged(
    namespace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first thing that one asks."""
    with HostVariable("pose") as variable, memlane.open_channel("bytes", memlane.CHAN_W, 100) as channel:
        variable.data = 1.5
        channel.write(b"abc")
        (namespace / "text").write_text("hello")

        said = answer(capsys, "ls")
        listed = {item["name"]: item for item in answer_json(capsys, "ls")}
        variables = answer_json(capsys, "ls", "p*", "--kind", "variable")

    assert said.splitlines()[0].split() == ["NAME", "KIND", "SIZE", "LIVE", "DEAD", "VERSION", "WRITTEN", "STATE"]
    assert "3 of 100 bytes wait" in said
    assert "text: 'text': its file holds 5 bytes" in said
    assert listed["pose"]["version"] == 1
    assert listed["text"]["error"] == "Corrupted"
    assert [item["name"] for item in variables] == ["pose"]
    assert "\x1b" not in said


def test_ls_says_where_there_is_nothing(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty answer leaves one wondering where it looked."""
    assert answer(capsys, "ls") == f"no objects in {namespace}\n"
    assert answer_json(capsys, "ls") == []
    with HostVariable("pose"):
        assert answer(capsys, "ls", "cam*") == f"none of the 1 objects in {namespace}\n"
        assert answer(capsys, "ls", "--kind", "channel") == f"none of the 1 objects in {namespace}\n"
    with pytest.raises(SystemExit):
        main(["ls", "--kind", "camera"])
    assert "invalid choice: 'camera'" in capsys.readouterr().err


def test_objects_of_a_namespace_beside_are_pointed_at(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo has a directory of its own, and the first thing that one types beside it is `memlane ls`."""
    other = namespace / "memlane-demo-x"
    other.mkdir(mode=0o700)
    with HostVariable("frame", directory=other):
        here = str(namespace / "memlane-0")
        said = answer(capsys, "ls", "--directory", here)
        error = complaint(capsys, "get", "frame", "--directory", here)

    assert said == f"no objects in {here}, but there are objects in {other}: try --directory\n"
    assert f"nothing is there, but there are objects in {other}: try --directory" in error


def test_get_decodes_what_there_is(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Values, arrays with their statistics, images as a picture, bytes of channels and maps."""
    with (
        HostVariable("plain") as plain,
        HostVariable("image", 1 << 16) as image,
        memlane.open_channel("bytes", memlane.CHAN_W, 100) as channel,
        memlane.RWSharedMMap("map", 100),
    ):
        assert answer(capsys, "get", "bytes") == "no bytes\n"
        plain.data = {"x": [1.5, float("nan")], "b": b"\1\2"}
        image.data = np.add.outer(np.arange(32.0), np.arange(32.0))
        channel.write(b"abc")

        assert answer_json(capsys, "get", "plain") == {"x": [1.5, "nan"], "b": {"bytes": 2, "hex": "0102"}}
        shown = answer(capsys, "get", "image")
        summary = answer_json(capsys, "get", "image")
        assert "|abc|" in answer(capsys, "get", "bytes")
        assert answer(capsys, "get", "map").startswith("00000000  00 00")
    assert shown.splitlines()[0] == "array of 32 x 32 float64, 8.0 KiB"
    assert shown.splitlines()[-1].endswith("@")
    assert (summary["shape"], summary["min"], summary["max"]) == ([32, 32], 0, 62)


def test_a_large_array_within_others_is_told_and_not_its_numbers(
    namespace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who looks at a camera's frame has 80 columns, and no patience for a million numbers."""
    frame = np.dtype(
        [("number", "i4"), ("place", "f4", 3), ("seal", [("life", "i4")]), ("pixels", "u1", (100, 200, 3))]
    )
    image = np.zeros((100, 200), np.uint8)
    image[:, 100:] = 255
    with HostVariable("struct", data_format=frame) as struct, HostVariable("dict", 1 << 20) as variable:
        struct.data = np.zeros((), frame)
        variable.data = {"number": 0, "few": image[0, 98:102], "pixels": image}
        of_struct = answer(capsys, "get", "struct").splitlines()
        of_dict = answer(capsys, "get", "dict").splitlines()

    assert of_struct[0] == "{'number': 0, 'place': [0.0, 0.0, 0.0], 'seal': {'life': 0}}"
    assert of_struct[1] == "pixels: array of 60000 uint8, 58.6 KiB"
    assert of_struct[2] == "min 0, max 0, mean 0, std 0"
    assert of_dict[0] == "{'number': 0, 'few': [0, 0, 255, 255]}"
    assert of_dict[1] == "pixels: array of 100 x 200 uint8, 19.5 KiB"
    assert {*of_dict[3]} == {" ", "@"}  # half of the picture is black, half white


@pytest.mark.slow
def test_statistics_of_a_large_array_take_little_memory() -> None:
    """An array may fill half of the machine: a copy in floats has eight times the bytes."""
    large = np.arange(4 << 20, dtype=np.uint32).reshape(4, 1024, 1024)
    holes = large.astype("f4")
    holes[1:3] = np.nan
    holes[3, 7, 7] = np.inf
    sound = holes[np.isfinite(holes)].astype(float)

    tracemalloc.start()
    try:
        of_all, of_holes = statistics(large), statistics(holes)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert of_all == {"min": 0, "max": large.size - 1, "mean": large.mean(), "std": pytest.approx(large.std())}
    assert of_holes == {
        "not_finite": (2 << 20) + 1,
        "min": 0,
        "max": sound.max(),
        "mean": pytest.approx(sound.mean()),
        "std": pytest.approx(sound.std()),
    }
    assert peak < large.size * np.dtype(float).itemsize
    assert statistics(np.full(3, np.nan)) == {"not_finite": 3}


def test_one_number_that_is_none_leaves_an_image_as_it_is() -> None:
    """Depths lie far above 0: a hole at 0 made all else one shade."""
    depths = np.linspace(1000, 1010, 64 * 24).reshape(24, 64)
    depths[0, 0] = np.nan

    drawn = picture(depths, colours=False)

    assert {*"".join(drawn.split())} == {*".:-=+*#%@"}


def test_pickles_are_shown_and_loaded_only_when_asked(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Looking must not run anybody's code."""
    with HostVariable("moment") as variable:
        variable.data = dt.timedelta(2)

        shown = answer(capsys, "get", "moment")
        loaded = answer(capsys, "get", "moment", "--load-pickles")

    assert "it needs: datetime.timedelta" in shown
    assert "REDUCE" in shown
    assert loaded == "datetime.timedelta(days=2)\n"


def test_text_cannot_command_the_terminal(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names and values are whatever somebody wrote."""
    with HostVariable("\x1b[2Jname") as variable:
        variable.data = "\x1b]0;title\x07"

        said = answer(capsys, "ls") + answer(capsys, "get", "\x1b[2Jname") + answer(capsys, "show", "\x1b[2Jname")

    assert "\x1b" not in said
    assert "\x07" not in said
    assert "\\x1b[2Jname" in said


def test_show_tells_what_was_given_up_from_what_was_never_written(
    namespace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A put that has not ended has the slot of the value that was taken."""
    with memlane.NumpyShare("share", 100, mode="put") as giver, memlane.NumpyShare("share", mode="get") as taker:
        assert "never written" in answer(capsys, "show", "share")
        giver.put(np.zeros(2))
        taker.get()
        with giver.loan(2, "f8"):
            said = answer(capsys, "show", "share")

    assert "1, taken, and given up" in said
    assert "never written" not in said


def test_show_tells_all_about_one_object(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who has it open, what was counted, what it holds."""
    with HostVariable("pose", data_format=np.dtype([("x", "f4"), ("n", "i4")])) as variable:
        variable.data = (1.5, 2)

        said = answer(capsys, "show", "pose")
        told = answer_json(capsys, "show", "pose")

    assert "  x: float32 at byte 0" in said
    assert "{'x': 1.5, 'n': 2}" in said
    assert str(os.getpid()) in said
    assert told["content"] == {"x": 1.5, "n": 2}
    assert told["counters"]["writes"] == 1
    assert told["participants"][0]["pid"] == os.getpid()


def test_set_writes_json_and_text(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a shell, without a program."""
    with HostVariable("pose") as variable, memlane.SharedAssign("share", 4096, "get") as share:
        assert answer(capsys, "set", "pose", '{"x": 1.5}') == "version 1\n"
        assert variable.data == {"x": 1.5}
        answer(capsys, "set", "pose", "12")
        assert variable.data == 12
        answer(capsys, "set", "pose", "12", "--text")
        assert variable.data == "12"
        assert answer_json(capsys, "set", "share", "left here") == {"name": "share", "version": 1}
        assert share.get() == "left here"


def test_set_refuses_what_cannot_be_set_and_says_what_can(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The next command is in the message."""
    with (
        memlane.RWSharedMMap("map", 100),
        HostVariable("two words", data_format=np.dtype([("x", "f8"), ("number", "i4")])) as pose,
    ):
        assert "'map' is a map: only variables and shares are set from here" in complaint(capsys, "set", "map", "1")
        assert "`memlane show 'two words'` tells what it takes" in complaint(capsys, "set", "two words", "5")
        answer(capsys, "set", "two words", '{"x": 1.5, "number": 2}')
        assert (pose.data["x"], pose.data["number"]) == (1.5, 2)


def test_text_that_output_cannot_carry_is_escaped(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What others wrote must not end the command with a traceback; JSON has a form for half a character."""
    with HostVariable("text") as variable:
        variable.data = "half \ud83d, price \u20ac"

        assert answer_json(capsys, "get", "text") == variable.data
        printed = subprocess.run(
            [sys.executable, "-m", "memlane", "get", "text"],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        )

    assert (printed.stdout, printed.stderr) == (b"'half \\ud83d, price \\u20ac'\n", b"")


def test_json_that_is_too_deep_is_an_error_and_text_where_it_is_asked_for(
    namespace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A traceback says nothing about the value."""
    deep = "[" * 100_000
    with HostVariable("pose", len(deep) + 100) as pose:
        assert "is nested too deeply to be read as JSON" in complaint(capsys, "set", "pose", deep)
        answer(capsys, "set", "pose", "--text", deep)
        assert pose.data == deep


def test_call_prints_the_result_and_says_what_the_function_raised(
    namespace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell script tells a failed call from a wrong one."""
    with memlane.HostFunctionDispatcher() as dispatcher:
        dispatcher.add("divide", lambda left, right=2: left / right)
        dispatcher.start()

        assert answer(capsys, "call", "divide", "3") == "1.5\n"
        assert answer_json(capsys, "call", "divide", "3", "right=4") == 0.75
        status = main(["call", "divide", "1", "0"])
        said = capsys.readouterr()

    assert (status, said.out) == (1, "")
    assert said.err == "memlane call: 'divide' raised ZeroDivisionError: division by zero\n"
    assert "nobody serves" in complaint(capsys, "call", "divide", "1")


def test_options_stand_between_other_arguments(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who repeats a command adds an option where the cursor is."""
    with memlane.HostFunctionDispatcher() as dispatcher:
        dispatcher.add("divide", lambda left, right: left / right)
        dispatcher.start()

        assert answer(capsys, "call", "divide", "--timeout", "30", "3", "2") == "1.5\n"
        assert answer(capsys, "call", "divide", "3", "--timeout", "30", "-2") == "-1.5\n"
    replay = parser_for(["replay"]).parse_args(["replay", "run.mcap", "--speed", "2", "pose", "--loop", "arm"])
    assert (replay.file, replay.names, replay.speed, replay.loop) == ("run.mcap", ["pose", "arm"], 2, True)


@pytest.mark.parametrize(
    ("command", "status", "expected"),
    [(["gc"], 0, "removed 0 objects"), (["ls"], 0, "no objects in"), (["rm", "pose"], 2, "nothing is there")],
)
def test_commands_that_only_look_or_remove_make_no_directory(
    command: list[str], status: int, expected: str, namespace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped directory is not there afterwards either."""
    assert main([*command, "--directory", str(namespace / "new")]) == status

    assert expected in "".join(capsys.readouterr())
    assert list(namespace.iterdir()) == []


def test_arguments_that_the_function_cannot_take_are_told_apart_from_what_it_raises(
    namespace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first is a typing error, which no server has seen."""
    with memlane.HostFunctionDispatcher() as dispatcher:
        dispatcher.add("count", lambda pose: int(pose["n"]), arg_format=np.dtype([("x", "f4"), ("n", "i4")]))
        dispatcher.start()

        assert "a struct is needed, not int; `memlane show count` tells what it takes" in complaint(
            capsys, "call", "count", "5"
        )
        assert answer(capsys, "call", "count", '{"x": 1.5, "n": 2}') == "2\n"


def test_watch_prints_each_value_that_it_finds(namespace: Path) -> None:
    """What a robot says, as it says it."""
    with HostVariable("pose") as variable:
        variable.data = 1
        command = [sys.executable, "-m", "memlane", "watch", "pose", "--json", "--count", "2", "--interval", "0.01"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watcher:
            assert watcher.stdout is not None
            first = json.loads(watcher.stdout.readline())
            variable.data = 2
            second = json.loads(watcher.stdout.readline())

    assert (first["value"], second["value"], second["version"]) == (1, 2, 2)
    assert watcher.returncode == 0


def test_tail_prints_what_passes_and_leaves_it_to_the_reader(namespace: Path) -> None:
    """A look into a stream takes nothing from it."""
    with (
        memlane.open_channel("bytes", memlane.CHAN_W, 100) as writer,
        memlane.open_channel("bytes", memlane.CHAN_R) as reader,
    ):
        writer.write(b"first\n")
        with subprocess.Popen([sys.executable, "-m", "memlane", "tail", "bytes"], stdout=subprocess.PIPE) as tail:
            assert tail.stdout is not None
            first = tail.stdout.readline()
            writer.write(b"second\n")
            second = tail.stdout.readline()
            tail.terminate()

        assert (first, second) == (b"first\n", b"second\n")
        assert reader.read_bytes(13) == b"first\nsecond\n"


def test_top_shows_rates_once_for_programs(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script takes one look."""
    with HostVariable("pose") as variable:
        variable.data = 1

        told = answer_json(capsys, "top", "--count", "1")
        said = answer(capsys, "top", "--count", "1")

    (item,) = told["objects"]
    assert (item["name"], item["live"], item["per_second"]["writes"]) == ("pose", 1, 0)
    assert said.splitlines()[0].split()[:3] == ["NAME", "KIND", "LIVE"]


def test_who_tells_who_holds_what_and_finds_leaks(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A loan that is never given back takes a slot for ever."""
    with HostVariable("other"), Peer(hold, "pose") as holder:
        holder.receive()

        said = answer(capsys, "who", "pose")
        status = main(["who", "--leaks", "--json"])
        (leak,) = json.loads(capsys.readouterr().out)
        by_pid = answer_json(capsys, "who", "--pid", str(holder.pid))

    assert "writes or loans 1" in said
    assert status == 1
    assert (leak["object"], leak["pid"], leak["slots_writing"]) == ("pose", holder.pid, 1)
    assert [item["object"] for item in by_pid] == ["pose"]


def test_rm_removes_what_nobody_has_open_and_the_rest_only_by_force(
    namespace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error at night must not take a running robot's objects."""
    with HostVariable("idle"):
        pass
    (namespace / "damaged").write_text("hello")
    with HostVariable("busy") as busy:
        status = main(["rm", "idle", "busy", "damaged"])
        said = capsys.readouterr()
        forced = main(["rm", "busy", "--force"])

        assert not busy.is_current
    assert status == 1
    assert said.out == "removed idle\nremoved damaged\n"
    assert f"'busy' is open in pid {os.getpid()}" in said.err
    assert forced == 0
    assert list(namespace.iterdir()) == []


def test_a_wrong_name_brings_the_names_that_are_like_it(namespace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error costs one look, not a search."""
    assert "nothing is there" in complaint(capsys, "get", "psoe")
    with HostVariable("pose"):
        assert "there is no object 'psoe'" in complaint(capsys, "get", "psoe")
        assert "did you mean 'pose'?" in complaint(capsys, "rm", "psoe")
        assert "`memlane ls` shows what there is" in complaint(capsys, "show", "quite-another")


def test_a_wrong_subcommand_brings_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    """So does it here."""
    with pytest.raises(SystemExit):
        main(["gett", "pose"])

    assert "there is no subcommand 'gett'; did you mean 'get'?" in capsys.readouterr().err


def test_a_kind_that_does_not_fit_is_told_with_the_command_that_does(
    namespace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each kind has its own way to be looked at."""
    with HostVariable("pose"), memlane.open_channel("bytes", memlane.CHAN_W, 100):
        assert "`memlane tail` follows it" in complaint(capsys, "watch", "bytes")
        assert "not a channel: `memlane show`" in complaint(capsys, "tail", "pose")
        assert "not a function: `memlane get`" in complaint(capsys, "call", "pose")
        assert "'pose' was never written" in complaint(capsys, "get", "pose")


def test_names_options_and_subcommands_are_completed(namespace: Path) -> None:
    """Names are long, and nobody remembers them."""
    with HostVariable("camera"), HostVariable("controller"), memlane.open_channel("control", memlane.CHAN_W, 100):
        assert candidates(["g"]) == ["gc", "get"]
        assert candidates(["get", "c"]) == ["camera", "control", "controller"]
        assert candidates(["tail", "c"]) == ["control"]
        assert candidates(["watch", "--json", "cam"]) == ["camera"]
        assert candidates(["get", "camera", ""]) == []
        assert candidates(["rm", "camera", "c"]) == ["control", "controller"]
        assert candidates(["top", "--i"]) == ["--interval"]


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_of_completion_are_programs_of_their_shells(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken script would greet each new terminal with an error."""
    script = answer(capsys, "completion", shell)
    try:
        checked = subprocess.run([shell, "-n"], input=script, text=True, check=False, capture_output=True)
    except FileNotFoundError:
        pytest.skip(f"{shell} is not installed here")

    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.slow
def test_bash_completes_a_name_by_the_script(namespace: Path) -> None:
    """The script, the command behind it and the shell have to agree."""
    program = f"""
    memlane() {{ {sys.executable} -m memlane "$@"; }}
    eval "$(memlane completion bash)"
    COMP_WORDS=(memlane get po) COMP_CWORD=2
    _memlane
    echo "${{COMPREPLY[@]}}"
    """
    with HostVariable("pose"), HostVariable("other"):
        found = subprocess.run(["bash", "-c", program], check=True, capture_output=True, text=True)

    assert found.stdout == "pose\n"


@pytest.mark.slow
def test_colours_are_for_terminals_alone(namespace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with escape codes is of no use."""
    monkeypatch.setenv("TERM", "xterm")
    with HostVariable("pose"):
        coloured = said_on_a_terminal("ls")
        monkeypatch.setenv("NO_COLOR", "1")
        plain = said_on_a_terminal("ls")

    assert "\x1b[1m" in coloured
    assert "\x1b" not in plain


def said_on_a_terminal(*arguments: str) -> str:
    """Run the command with a terminal for its output, and return what came there."""
    ours, theirs = pty.openpty()
    try:
        with os.fdopen(theirs, "wb", buffering=0) as terminal:
            subprocess.run([sys.executable, "-m", "memlane", *arguments], check=True, stdout=terminal)
        return os.read(ours, 1 << 16).decode()
    finally:
        os.close(ours)


def test_every_help_fits_80_columns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On the smallest terminals too."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in SUBCOMMANDS:
        with pytest.raises(SystemExit):
            parser_for([name]).parse_args([name, "--help"])

        assert max(map(len, capsys.readouterr().out.splitlines())) <= 80, name


def test_the_command_works_without_the_extra(namespace: Path) -> None:
    """A robot's computer has what it has; the command says what the extra adds."""
    program = (
        "import sys; sys.modules['rich'] = sys.modules['numpy'] = None\n"
        "import memlane.cli, importlib.util\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name in ('rich', 'numpy') else found(name, *rest)\n"
        "sys.exit(memlane.cli.main(sys.argv[1:]))"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", program, *arguments], check=False, capture_output=True, text=True)

    with HostVariable("array", 4096) as variable:
        variable.data = np.arange(3)
        listed, advised, refused = run("ls"), run("--help"), run("get", "array")

    assert "array  variable" in listed.stdout
    assert 'pip install "memlane[cli]" adds: tables in colour' in " ".join(advised.stdout.split())
    assert refused.returncode == 2
    assert "numpy cannot be imported here: install numpy" in refused.stderr


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (words.size(None), "-"),
        (words.size(1023), "1023 B"),
        (words.size(4096), "4.0 KiB"),
        (words.rate(None), "-"),
        (words.rate(0), "0"),
        (words.rate(12), "12"),
        (words.rate(1234), "1.2k"),
        (words.duration(0.25), "250 ms"),
        (words.duration(59), "59.0 s"),
        (words.duration(11520), "3 h 12 min"),
        (words.duration(100000), "1 d 3 h"),
        (words.latency(410e-9), "410 ns"),
        (words.latency(4.1e-6), "4.1 us"),
        (words.latency(41e-6), "41 us"),
        (words.latency(2.5), "2.50 s"),
    ],
)
def test_numbers_read_as_people_write_them(found: str, expected: str) -> None:
    """Nobody counts digits at night."""
    assert found == expected


@pytest.mark.slow
def test_ctrl_c_ends_what_runs_for_ever(namespace: Path) -> None:
    """Quietly: the status says it."""
    command = [sys.executable, "-m", "memlane", "top", "--json", "--interval", "0.05"]
    with (
        HostVariable("pose"),
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as top,
    ):
        assert top.stdout is not None
        assert top.stdout.readline()
        top.send_signal(signal.SIGINT)
        _, complained = top.communicate()

    assert (top.returncode, complained) == (130, "")
