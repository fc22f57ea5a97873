"""memlane between interpreters; the whole matrix is `nox -s interop`."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import memlane
from tests.interop.parties import (
    LIBRARY,
    PROGRAM,
    REPOSITORY,
    Party,
    c_program,
    cpp_program,
    exchange,
    interpreter,
    run_examples,
)

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 100
# Classes that are not called as their status is.
CONSTANTS = {
    "MemoryError": "NoMemory",
    "SystemFailure": "System",
    "ObjectNotFound": "NotFound",
    "OppositeEndClosedError": "EndClosed",
    "CallCancelled": "Cancelled",
}
SURFACES = "variable,share,map,channel,function"
PAIRS = [("2.7", "3.13"), ("3.13", "2.7"), ("own", "2.7"), ("2.7", "own"), ("C", "2.7"), ("2.7", "C"), ("C", "own")]
COMPAT = REPOSITORY / "compat" / "memlane_compat.py"


def party(name: str, folder: Path) -> Party:
    """Find a party, or skip the test and say why."""
    if name == "C":
        return c_program(folder)
    if name == "C++":
        return cpp_program(folder)
    found = Party("own", [sys.executable, str(PROGRAM)]) if name == "own" else interpreter(name)
    if found is None:
        pytest.skip(f"Python {name} is not installed here")
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("asker", "answerer"), PAIRS, ids=str)
def test_pair_exchanges_values_on_every_surface(asker: str, answerer: str, tmp_path: Path) -> None:
    """What the one gives is what the other has, whatever their language."""
    taken = exchange(party(asker, tmp_path), party(answerer, tmp_path), SURFACES, COUNT)

    assert len(taken) == len(SURFACES.split(","))


def with_numpy(found: Party) -> Party:
    """Return the party, or skip the test where it has no numpy."""
    if found.name == "C++":
        return found
    done = subprocess.run([found.command[0], "-c", "import numpy"], check=False, capture_output=True)
    if done.returncode != 0:
        pytest.skip(f"Python {found.name} has no numpy here")
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asker", "answerer"), [("2.7", "3.13"), ("3.13", "2.7"), ("2.7", "C++"), ("own", "C++"), ("own", "own")]
)
def test_clouds_come_back_bit_by_bit(asker: str, answerer: str, tmp_path: Path) -> None:
    """The real use: a hundred ping-pongs of 150,000 points between old and new."""
    one, other = (with_numpy(party(name, tmp_path)) for name in (asker, answerer))

    assert len(exchange(one, other, "clouds", COUNT)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["2.7", "3.6", "3.13", "pypy"])
def test_example_of_maps_in_the_document_runs_in_every_interpreter(name: str, tmp_path: Path) -> None:
    """Programs written for io_shared go on with another import line."""
    run_examples((party(name, tmp_path), ["maps"]))


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new"), [("2.7", "3.13"), ("own", "own")])
def test_examples_of_arrays_in_the_document_run_in_old_and_new(old: str, new: str, tmp_path: Path) -> None:
    """An array in a map; clouds from a ROS node to a model in another interpreter, and labels back."""
    node, model = (with_numpy(party(name, tmp_path)) for name in (old, new))

    run_examples((node, ["arrays"]))
    run_examples((node, ["ros_node", "3"]), (model, ["segmentator", "3"]))


def test_example_that_fails_is_told(tmp_path: Path) -> None:
    """The tests above must be able to fail."""
    with pytest.raises(AssertionError, match=r"own: unknown\): statuses \[1\]"):
        run_examples((party("own", tmp_path), ["unknown"]))


def test_compat_map_is_no_standard_stream_of_a_program_that_closed_them(namespace: Path) -> None:
    """What such a program prints would go into the map; the standard output is kept, to tell."""
    code = "import os; os.closerange(0, 1); os.closerange(2, 3); held = compat.UnsafeSharedMMap('map', 100)\n"
    code += "print([number for number in (0, 2) if os.path.exists('/proc/self/fd/%d' % number)])"

    assert run_compat(code, MEMLANE_LIBRARY=str(LIBRARY)) == "[]"


def run_compat(code: str, **environment: str) -> str:
    """Run code after an import of memlane_compat, and return the last line that it printed."""
    done = subprocess.run(
        [sys.executable, "-c", f"import memlane_compat as compat\n{code}"],
        env={**os.environ, "PYTHONPATH": str(COMPAT.parent), **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def test_library_of_another_version_is_refused_with_both_versions(tmp_path: Path) -> None:
    """A wrong layout must not be guessed at."""
    source = tmp_path / "other.c"
    source.write_text('const char *memlane_version(void) { return "9.9.9"; }\n')
    library = tmp_path / "libmemlane.so"
    subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)

    answer = run_compat("", MEMLANE_LIBRARY=str(library))

    assert "LayoutMismatch" in answer
    assert "is version 9.9.9 of memlane, this memlane_compat.py was made for" in answer


def test_missing_library_is_an_error_that_says_how_to_get_it(tmp_path: Path) -> None:
    """The first thing that goes wrong on a new machine."""
    assert "memlane compat --to DIR" in run_compat("", MEMLANE_LIBRARY=str(tmp_path / "none.so"))


def test_file_and_library_are_copied_to_where_nothing_can_be_installed(tmp_path: Path) -> None:
    """They find each other there."""
    target = tmp_path / "robot"
    command = [sys.executable, "-m", "memlane", "compat", "--to", str(target)]
    subprocess.run(command, check=True, capture_output=True, cwd=REPOSITORY)

    answer = run_compat("print(compat.VERSION, compat._places()[0])", PYTHONPATH=str(target))

    assert answer.split()[1] == str(target / "libmemlane.so")
    assert sorted(path.name for path in target.iterdir() if path.is_file()) == ["libmemlane.so", "memlane_compat.py"]


def test_version_is_that_of_the_library() -> None:
    """A release raises both."""
    header = (REPOSITORY / "core" / "include" / "memlane" / "version.h").read_text()

    assert f'MEMLANE_VERSION_STRING "{run_compat("print(compat.VERSION)", MEMLANE_LIBRARY=str(LIBRARY))}"' in header


def test_status_numbers_and_headroom_are_those_of_the_headers() -> None:
    """The file repeats what C headers say."""
    status = (REPOSITORY / "core" / "include" / "memlane" / "status.h").read_text()
    share = (REPOSITORY / "core" / "include" / "memlane" / "share.h").read_text()
    code = "print(compat._HEADROOM, *sorted(f'{k}:{v[0].__name__}' for k, v in compat._EXCEPTIONS.items()))"

    headroom, *numbers = run_compat(code, MEMLANE_LIBRARY=str(LIBRARY)).split()

    assert f"MEMLANE_SHARE_HEADROOM = {headroom}" in share
    for number, name in (entry.split(":") for entry in numbers):
        constant = CONSTANTS.get(name, name)
        constant = "NotLocked" if number == "35" else constant  # the lock is lost, as for those of another process
        assert f"= {number}," in status.partition(f"MEMLANE_{snake(constant)} ")[2].partition("\n")[0]


STRUCTURES = {
    "_Error": "memlane_error",
    "_ObjectOptions": "memlane_object_options",
    "_VariableOptions": "memlane_variable_options",
    "_ShareOptions": "memlane_share_options",
    "_MapOptions": "memlane_map_options",
    "_ChannelOptions": "memlane_channel_options",
    "_FunctionOptions": "memlane_function_options",
    "_VariableProperties": "memlane_variable_properties",
    "_MapProperties": "memlane_map_properties",
    "_ChannelProperties": "memlane_channel_properties",
    "_FunctionProperties": "memlane_function_properties",
    "_Reading": "memlane_reading",
    "_Loan": "memlane_loan",
    "_View": "memlane_view",
    "_MapLock": "memlane_map_lock",
    "_Span": "memlane_span",
    "_ChannelStatus": "memlane_channel_status",
    "_Call": "memlane_call",
    "_Answer": "memlane_answer",
    "_Task": "memlane_task",
}


def test_structures_have_the_fields_of_the_headers(tmp_path: Path) -> None:
    """One field too few, and the library writes beyond the structure."""
    listing = "for name in NAMES: print(name, *('%s:%d' % (f[0], getattr(vars(compat)[name], f[0]).offset)"
    listing += " for f in vars(compat)[name]._fields_), compat.ctypes.sizeof(vars(compat)[name]), end=';')"
    answer = run_compat(f"NAMES = {sorted(STRUCTURES)}\n{listing}", MEMLANE_LIBRARY=str(LIBRARY))
    claims = []
    for name, *fields, size in (line.split() for line in answer.split(";") if line):
        structure = STRUCTURES[name]
        claims.append(f'_Static_assert(sizeof({structure}) == {size}, "{structure}");')
        for field, _, offset in (entry.partition(":") for entry in fields):
            known = "max_size" if (name[:9], field) == ("_Variable", "size") else field
            claims.append(f'_Static_assert(offsetof({structure}, {known}) == {offset}, "{structure}.{known}");')
    source = tmp_path / "claims.c"
    source.write_text("\n".join(["#include <memlane/memlane.h>", "#include <stddef.h>", *claims, ""]))
    include = LIBRARY.parents[1] / "include"

    done = subprocess.run(
        ["cc", "-std=c11", "-fsyntax-only", f"-I{include}", str(source)], capture_output=True, text=True, check=False
    )

    assert len(claims) > len(STRUCTURES)
    assert done.stderr == ""


def said_by(name: str, folder: Path, *arguments: str) -> str:
    """Run a program of memlane_compat in an interpreter, to a good end, and return what it printed."""
    done = subprocess.run(
        [party(name, folder).command[0], *arguments],
        env={**os.environ, "PYTHONPATH": str(COMPAT.parent), "MEMLANE_LIBRARY": str(LIBRARY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("name", ["2.7", "3.6", "3.13", "pypy"])
def test_surfaces_keep_their_promises_in_every_interpreter(name: str, tmp_path: Path) -> None:
    """The same names mean the same, whatever the interpreter."""
    said = said_by(name, tmp_path, str(COMPAT.with_name("self_check.py")))

    assert said.split() == ["check_arguments", "check_pickles", "check_values", "check_functions", "check_channels"]


FORKING = """
import os, signal, sys, threading
import memlane_compat as compat

compat.init_library()  # which answers reach nobody is no news here

def in_child(function):
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        try:
            function()
        except:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return pid

def check(pid):
    assert os.waitpid(pid, 0)[1] == 0

is_here, may_go = threading.Event(), threading.Event()

def halt():
    is_here.set()
    may_go.wait(30)

class Halting(object):
    def __reduce__(self):
        return halt, ()

def answer_and_fork():
    pid = os.fork()
    if pid != 0:
        children.append(pid)
        has_forked.set()
        return "from the parent"
    os.read(readable, 1)
    if sys.argv[1] == "closes":
        dispatcher.close()
    return "from the child, and longer"

children, has_forked = [], threading.Event()
readable, writable = os.pipe()
dispatcher = compat.HostFunctionDispatcher()
for function in (len, Halting, answer_and_fork):
    dispatcher.add(function.__name__, function)
dispatcher.start()

halting = compat.HostFunctionCaller("Halting", timeout=30)
pending = halting()
thread = threading.Thread(target=pending.result)
thread.start()
assert is_here.wait(30)
check(in_child(pending.done))
may_go.set()
thread.join()
print("settles")

length = compat.HostFunctionCaller("len", timeout=30)
pending = length("parent")
def call():
    length("child")
    assert length.get_response() == 5
check(in_child(call))
assert length.get_response() == 6
print("collects")

caller = compat.HostFunctionCaller("answer_and_fork", timeout=30)
pending = caller()
assert has_forked.wait(30)
assert length.call("the one thread has answered") == 27
os.write(writable, b"!")
os.waitpid(children[0], 0)
assert pending.result() == "from the parent"
print("answers")

def close():
    for each in (dispatcher, halting, length, caller):
        each.close()
    for number in os.listdir("/proc/self/fd"):
        if os.path.exists("/proc/self/fd/" + number):
            assert os.environ["MEMLANE_DIR"] not in os.readlink("/proc/self/fd/" + number)
check(in_child(close))
print("closes")
"""


@pytest.mark.slow
@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("name", ["2.7", "own"])
@pytest.mark.parametrize("end", ["returns", "closes"])
def test_fork_leaves_both_sides_able_to_work(name: str, end: str, tmp_path: Path) -> None:
    """Hazard 38, without the compiled modules: what threads held, called and served is their process's."""
    assert said_by(name, tmp_path, "-c", FORKING, end).split() == ["settles", "collects", "answers", "closes"]


OUTLIVING = """
import __builtin__, os, threading, time
import memlane_compat as compat

readable, writable = os.pipe()

def wait(is_here, read=os.read, readable=readable):
    is_here.set()
    read(readable, 1)

class Last(object):  # of the builtins: the modules are empty when it goes
    def __del__(self, close=os.close, writable=writable, list=os.listdir, sleep=time.sleep, say=os.write):
        close(writable)
        for _ in xrange(3000):
            if list("/proc/self/task") == [str(pid)]:
                say(1, "ended")
                break
            sleep(0.01)

def start(events):
    dispatcher = compat.HostFunctionDispatcher(workers=2)
    dispatcher.add("wait", lambda: wait(events[0]), persistent=False)
    caller = compat.HostFunctionCaller("wait")
    writer, reader = (compat.Channel("ends", mode, 64, persistent=False) for mode in (compat.CHAN_W, compat.CHAN_R))
    reader.read_async(lambda block: wait(events[1]))
    writer.write(b"1")
    return dispatcher.start(), caller()

__builtin__.pid, __builtin__.last, events = os.getpid(), Last(), (threading.Event(), threading.Event())
held = start(events)
assert all(event.wait(30) for event in events)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("namespace")
def test_threads_that_outlive_the_modules_of_python_2_end_without_a_word(tmp_path: Path) -> None:
    """It lets daemon threads go on while it empties the modules; newer ones stop them before."""
    assert said_by("2.7", tmp_path, "-c", OUTLIVING) == "ended"


ENTERED = """
import sys, memlane_compat as compat
entered = []
def note(frame, event, argument):
    if "cffi" in frame.f_code.co_filename:
        entered.append(frame.f_code.co_name)
sys.settrace(note)
with compat.HostVariable("traced") as variable:
    variable.data = 1
compat.unlink("traced")
sys.settrace(None)
print(entered)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("namespace")
def test_functions_of_the_library_are_bound_before_anything_can_be_collected(tmp_path: Path) -> None:
    """One is bound under a lock of cffi: a finalizer that PyPy runs meanwhile would wait for it for ever."""
    assert said_by("pypy", tmp_path, "-c", ENTERED) == "[]\n"


TEXT_RULES = r"""
from __future__ import print_function
import sys, memlane_compat as compat
seen = []
server = compat.HostFunctionDispatcher()
server.add("text rules", lambda *values, **named: seen.append((values, named)) or values)
server.start()
caller = compat.HostFunctionCaller("text rules", timeout=30)
share = compat.SharedAssign("text share", "1K", "put")
given = (u"\u00e9", bytearray(b"\xff\x00"), 1 << 70, b"plain", b"\xff", [None, {u"a": 1.5}])
share.put(given)
print([type(value).__name__ for value in caller.call(*given, **{"named": 1})], sorted(seen[0][1]))
server.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "types", "taken"),
    [
        # What Python 2 has of itself: text is unicode; a bytearray, and bytes that are no text, are str.
        ("2.7", ["unicode", "str", "int", "unicode", "str", "list"], [str, bytes, int, str, bytes, list]),
        ("3.13", ["str", "bytearray", "int", "bytes", "bytes", "list"], [str, bytearray, int, bytes, bytes, list]),
    ],
)
@pytest.mark.usefixtures("namespace")
def test_text_and_bytes_arrive_as_the_page_says(name: str, types: list[str], taken: list[type], tmp_path: Path) -> None:
    """Python 2 has one type for both; who reads must know what comes."""
    said = said_by(name, tmp_path, "-c", TEXT_RULES)

    printed = [name.strip(" '") for name in said.partition("]")[0].strip("[").split(",")]
    assert [{"long": "int"}.get(name, name) for name in printed] == types
    with memlane.SharedAssign("text share", None, "get") as share:
        assert [type(value) for value in share.get(timeout=30)] == taken


MAP_RULES = """
from __future__ import print_function
import gc, mmap, sys, memlane_compat as compat
forgotten = compat.UnsafeSharedMMap("forgotten", 64)
forgotten.itself = forgotten
del forgotten
gc.collect()
shm = compat.RWSharedMMap("guarded", 64)
free, given = "seek tell size close closed".split(), {"write": (b"x",), "write_byte": (120,), "resize": (5,)}
for name in dir(mmap.mmap):
    if name.startswith("_") or name in free or not callable(getattr(mmap.mmap, name)):
        continue
    try:
        getattr(shm, name)(*given.get(name, ()))
        print("open:", name)
    except (compat.ReadAccessError, compat.WriteAccessError):
        pass
    except Exception as error:
        print("other:", name, repr(error))
for what in (lambda: shm[0], lambda: shm[1:3], lambda: shm.__setitem__(0, shm), lambda: shm.__setitem__(slice(1), b"")):
    try:
        what()
        print("open item")
    except (compat.ReadAccessError, compat.WriteAccessError):
        pass
if sys.version_info >= (3, 12) and not compat.PYPY:
    try:
        memoryview(shm)
        print("open export")
    except compat.ReadAccessError:
        pass
with shm.lock_write() as lock:
    print([shm.write(part) for part in (b"x" * 58, bytearray(b"x"), memoryview(b"x"))], shm.tell())
    try:
        shm.write(b"12345")
        print("open end")
    except compat.OOMError:
        pass
    try:
        with shm.lock_read():
            print("nested")
    except compat.AlreadyLocked:
        pass
with shm.lock_read():
    print(shm[58:62] == b"xx" + bytes(bytearray(2)), len(shm), shm.size())
shm.close()
try:
    shm.tell()
except compat.Closed:
    print("closed")
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["2.7", "3.6", "3.13", "pypy"])
@pytest.mark.usefixtures("namespace")
def test_maps_are_guarded_in_every_interpreter(name: str, tmp_path: Path) -> None:
    """The lock is what keeps the bytes whole."""
    said = said_by(name, tmp_path, "-c", MAP_RULES)

    assert said.split("\n") == ["[58, 1, 1] 60", "True 64 64", "closed", ""]


ARRAY_RULES = """
from __future__ import print_function
import array, gc, numpy, memlane_compat as compat
def refused(kind, action, *arguments, **named):
    try:
        action(*arguments, **named)
    except kind as error:
        return str(error)
    raise AssertionError("no %s" % kind.__name__)
put, get = compat.NumpyShare("arrays", "1K", "put"), compat.NumpyShare("/arrays", "1k", "get")
GIVEN = (b"ab", "u1"), (bytearray(b"ab"), "u1"), (array.array("d", [1, 2]), "f8"), (numpy.float32(1), "f4")
for given, kind in GIVEN:
    put.put(given)
    taken = get.get(0)
    assert (taken.dtype.str[1:], taken.tobytes()) == (kind, numpy.asarray(given).tobytes()), taken
for given in ([1], 5, 1.5, None, u"text", {}, numpy.ma.array([1, 2], mask=[0, 1]), numpy.array([None])):
    refused(TypeError, put.put, given)
refused(compat.OOMError, put.loan, 1025, "u1")
refused(compat.WriteAccessError, get.loan, 3, "u1")
text = compat.SharedAssign("arrays", None, "put")
text.put(u"text")
assert "no array" in refused(TypeError, get.get, 0) and "no array" in refused(TypeError, get.get, 0, copy=False)
assert compat.SharedAssign("arrays", None, "get").get(0) == u"text"
for number in range(9):  # each is forgotten at once, and must not keep its slot
    put.put(numpy.full(3, number))
    assert get.get(0, copy=False)[2] == number
put.put(numpy.arange(9))
view = get.get(0, copy=False)
refused(ValueError, view.setflags, write=True)
with put.loan((2, 3), "f4", order="F") as lent:
    lent[:] = 7
refused(ValueError, lent.setflags, write=True)
for share in (put, get, text):
    share.close()
del share, put, get, text
gc.collect()
print(view.tolist() == list(range(9)), lent.sum())
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["2.7", "pypy", "own"])
@pytest.mark.usefixtures("namespace")
def test_arrays_in_shared_memory_are_as_safe_in_every_interpreter(name: str, tmp_path: Path) -> None:
    """Who keeps one after the share was closed, or tries to write to it, must not end by a signal."""
    with_numpy(party(name, tmp_path))

    assert said_by(name, tmp_path, "-c", ARRAY_RULES) == "True 42.0\n"


def snake(name: str) -> str:
    """Return a class's name as C writes it."""
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name).lstrip("_")
