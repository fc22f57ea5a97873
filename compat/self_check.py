# -*- coding: utf-8 -*-
"""What memlane_compat promises, in the interpreter that runs this: Python 2.7 to the newest, PyPy.

    python self_check.py

In a namespace of its own ($MEMLANE_DIR). Prints what was checked; the first claim that does not hold ends it.
"""

from __future__ import print_function

import contextlib
import ctypes
import gc
import pickle
import sys
import threading

import memlane_compat as memlane

PATIENCE = 30


class Unknown(Exception):
    """A type that no caller knows."""


@contextlib.contextmanager
def raises(kind):
    """The block ends by this exception, which is given as an attribute."""
    found = type("Found", (object,), {"error": None})()
    try:
        yield found
    except kind as error:
        found.error = error
    else:
        raise AssertionError("no %s" % kind.__name__)


def caller(name, **options):
    options.setdefault("timeout", PATIENCE)
    return memlane.HostFunctionCaller(name, **options)


def throw(error):
    raise error


def check_calls(dispatcher):
    """Values, many at once, in the order of the calls."""
    dispatcher.add("add", lambda one, other=1: one + other)
    add = caller("add")
    assert add.call(1, other=5) == 6
    assert [pending.result() for pending in [add(number) for number in range(20)]] == list(range(1, 21))
    add(5), add(6)
    assert [add.get_response(), add.get_response()] == [6, 7]
    with raises(memlane.NoResponse):
        add.get_response()
    with raises(memlane.ValueTooLarge):
        add.call(b"\xff" * 5000)
    with raises(memlane.SizeMismatch):
        caller("add", max_sz_args=77)


def check_raised(dispatcher):
    """Exceptions arrive with their type where it is known, else with its name; a Timeout may be the function's."""
    dispatcher.add("known", lambda key: throw(KeyError(key)))
    dispatcher.add("unknown", lambda: throw(Unknown("text")))
    dispatcher.add("timeout", lambda: throw(memlane.Timeout(110, "the function's")))
    with raises(KeyError) as found:
        caller("known").call(u"k")
    assert found.error.args == (u"k",) and "KeyError" in str(found.error.__cause__)
    with raises(memlane.RemoteError) as found:
        caller("unknown").call()
    assert found.error.type_name.endswith("Unknown") and "text" in str(found.error)
    with raises(memlane.Timeout) as found:
        caller("timeout").call()
    assert found.error.maybe_executed is None


def check_nested_and_one_way(dispatcher):
    """A callback that waits goes on serving; a one-way call has no response."""
    inner, seen, came = caller("add"), [], threading.Event()
    dispatcher.add("nested", lambda number: inner.call(number, other=2))
    dispatcher.add("one-way", lambda value: (seen.append(value), came.set()), 100, 0)
    assert caller("nested").call(3) == 5
    one_way = caller("one-way")
    one_way(7)
    with raises(memlane.NoResponse):
        one_way.get_response()
    assert came.wait(PATIENCE) is not False and seen == [7]


def check_nobody_serves():
    """Without a server a call waits, is refused, given up or taken back, as its caller wants."""
    with raises(memlane.NoServer):
        caller("add", fail_fast=True).call(1)
    waiting = caller("add", timeout=0.05)
    with raises(memlane.Timeout) as found:
        waiting.call(1)
    assert found.error.maybe_executed is False
    pending = waiting(1)
    assert pending.cancel()
    with raises(memlane.CallCancelled):
        pending.result()


def check_functions():
    with memlane.HostFunctionDispatcher(workers=2) as dispatcher:
        dispatcher.start()
        check_calls(dispatcher)
        check_raised(dispatcher)
        check_nested_and_one_way(dispatcher)
    check_nobody_serves()


def check_bytes(writer, reader):
    """What was written is read, once, also through a timeout and beyond the capacity."""
    memory = bytearray(8)
    assert writer.write(b"12345") == 5
    assert reader.read(memory, 8) == 5 and bytes(memory[:5]) == b"12345" and reader.read(memory, 8) == 0
    with raises(memlane.Timeout) as found:
        writer.write(b"x" * 30, timeout=0.02)
    assert found.error.written == 10
    with raises(memlane.Timeout):
        reader.read_bytes(20, timeout=0.02)
    assert reader.position == 5 and writer.write(b"yz") == 2
    with raises(KeyError), reader.peek() as view:
        assert view.tobytes() == b"x" * 10
        raise KeyError
    for size, shown in ((3, b"xxx"), (8, b"x" * 7 + b"y")):
        with reader.peek(size) as view:
            assert view.tobytes() == shown
            with raises(memlane.EndpointBusy):
                reader.read_bytes(1)
    assert reader.read_bytes(1) == b"z"
    thread = threading.Thread(target=writer.write, args=(b"q" * 1000,))
    thread.start()
    while "state=full" not in reader.status():
        pass
    gc.collect(), gc.collect()  # what the writer's call has no hold of goes, and its memory is these ones'
    others = [ctypes.create_string_buffer(b"j" * 1000) for _ in range(100)]
    assert reader.read_bytes(1000, timeout=PATIENCE) == b"q" * 1000 and len(others) == 100
    thread.join()


def check_in_place(writer, reader):
    assert writer.write_some(b"y" * 30) == 10
    with reader.peek(4) as view:
        assert view.tobytes() == b"yyyy"
    with writer.reserve(3) as view:
        view[:] = b"zzz"
    with raises(KeyError), writer.reserve(1) as view:
        raise KeyError
    assert reader.read_bytes(9) == b"yyyyyyzzz"


def check_listener(writer, reader):
    came, over = [], threading.Event()

    def receive(data):
        came.append(data)
        if b"".join(came) == b"called back":
            over.set()

    with reader.read_async(receive):
        with raises(memlane.EndpointBusy):
            reader.read_bytes(1)
        writer.write(b"called back")
        over.wait(PATIENCE)
    assert b"".join(came) == b"called back"


def check_channels():
    writer = memlane.open_channel("channel", memlane.CHAN_W, 10)
    reader = memlane.open_channel("channel", memlane.CHAN_R)
    with raises(memlane.EndpointBusy):
        memlane.open_channel("channel", memlane.CHAN_W)
    with raises(memlane.InvalidArgument) as found:
        memlane.open_channel("none", memlane.CHAN_R, -5)
    assert "chanSz=-5 is not positive" in str(found.error)
    check_bytes(writer, reader)
    check_in_place(writer, reader)
    check_listener(writer, reader)
    assert "mode=R" in reader.status() and "bufSz=10" in reader.status()
    writer.close()
    with raises(memlane.OppositeEndClosedError):
        reader.read(bytearray(1), 1)
    assert list(reader) == []
    with raises(ValueError):
        reader.write(b"1")
    memlane.clean_library()
    assert reader.closed


def check_values():
    """A large object, a pickle, and what is refused."""
    variable = memlane.HostVariable("variable", 65536, protocol=2)
    for value in (u"long" * 1000, [None, True, {u"a": (1.5, -(2**70))}], set([1, 2])):
        variable.data = value
        assert variable.data == value
    with raises(memlane.ValueTooLarge):
        variable.data = b"\xff" * 65537
    assert variable.data == set([1, 2])
    with raises(memlane.KindMismatch):
        memlane.HostFunctionCaller("variable")


def check_arguments():
    """What no object could have is refused before there is one; what is a size and a timeout here is one there."""
    for size in ("abc", "", "5 M", u"\u0663", 0, -1, 1.5):
        with raises(ValueError) as found:
            memlane.UnsafeSharedMMap("refused", size)
        assert '"5M"' in str(found.error)
    for options in ({"max_size": -1}, {"slots": -1}, {"protocol": 9}, {"max_participants": -1}):
        with raises(ValueError):
            memlane.HostVariable("refused", **options)
    with raises(ValueError):
        memlane.RWSharedMMap("refused", 5, 0)
    with raises(ValueError):
        memlane.UnsafeSharedMMap("refused", "99999999999999G")
    with raises(TypeError):
        memlane.HostVariable(5)
    with raises(memlane.ObjectNotFound):
        memlane.unlink("refused")
    with memlane.SharedMMap("given", " 5k ") as shm:
        assert len(shm) == 5120
        check_timeouts(shm)


def check_timeouts(shm):
    for timeout in (0, 1e300, float("inf")):
        with shm.lock(timeout):
            pass
    for timeout, kind in ((-1, ValueError), (float("nan"), ValueError), ("1", TypeError)):
        with raises(kind):
            shm.lock(timeout)


def pickled(endpoint, protocol):
    return pickle.loads(pickle.dumps(endpoint, protocol))


def check_pickles():
    """An endpoint goes by its name, to the very object that it had open; no handle of another process is used."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        variable = memlane.HostVariable("pickled")
        variable.data = protocol
        assert pickled(variable, protocol).data == protocol
        share = memlane.SharedAssign("pickled share", "1K", "put")
        taker = memlane.SharedAssign("pickled share", mode="get")
        pickled(share, protocol).put(protocol)
        assert pickled(taker, protocol).get(0) == protocol
        with memlane.SharedMMap("pickled map", 9) as shm, shm.lock():
            shm.write(b"123456789")
        with memlane.SharedMMap("pickled map", 9) as shm, pickled(shm, protocol) as other, other.lock():
            assert (type(other), other[:], other.tell()) == (memlane.SharedMMap, b"123456789", 0)
        called = pickled(caller("pickled function", fail_fast=True), protocol)
        with raises(memlane.NoServer):
            called.call()
        writer = memlane.open_channel("pickled channel", memlane.CHAN_W, 9, persistent=True)
        state = pickle.dumps(writer, protocol)
        with raises(memlane.EndpointBusy):
            pickle.loads(state)
        writer.close()
        with pickle.loads(state) as other:
            assert other.writable()
        state = pickle.dumps(variable, protocol)
        variable.unlink()
        memlane.HostVariable("pickled").close()
        with raises(memlane.ObjectNotFound):
            pickle.loads(state)
        variable.close()
        with raises(memlane.Closed):
            pickle.dumps(variable, protocol)


def main():
    for check in (check_arguments, check_pickles, check_values, check_functions, check_channels):
        check()
        print(check.__name__)


if __name__ == "__main__":
    sys.exit(main())
