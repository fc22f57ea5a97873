# -*- coding: utf-8 -*-
"""One side of an exchange between two interpreters, for Python 2.7 to the newest.

    exchange.py ask|answer SURFACE[,SURFACE...] COUNT

Surfaces: variable, share, array, clouds, map, channel, function. The side that asks sends values and compares what comes
back; the other one sends back what it gets. With `memlane` installed it is used, else `memlane_compat`. Prints what it is
when it is ready, and after each surface the milliseconds that it took.
"""

from __future__ import print_function

import os
import struct
import sys
import time
import timeit

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    if "MEMLANE_COMPAT" in os.environ:
        raise ImportError
    import memlane
except ImportError:
    import memlane_compat as memlane

PATIENCE = 30
CLOUD = (150000, 4)


def values(number):
    """The number-th value to send; text of Python 2 is unicode, and bytes are none that could be text."""
    return [
        number, -number, number * 10**20, number / 8.0, True, None, u"\xe9t\xe9 %d" % number, b"\xff\x00", (),
        (number, (u"nested", [None, {u"key": number, 2: [1.5]}])), b"\xff" * 5000, [number] * 300, u"long" * 100,
        {u"a": {u"b": (1,)}, number: u""},
    ]


class Exchange(object):
    """One surface, and how both sides use it."""

    def names(self, asks):
        """What this side gives is called so, and what it takes."""
        sides = ("ask", "answer") if asks else ("answer", "ask")
        return ["%s %s" % (self.kind, side) for side in sides]

    def sample(self, number):
        choices = values(number)
        return choices[number % len(choices)]

    def same(self, one, other):
        return one == other

    def ask(self, count):
        """Send values and compare what comes back."""
        for number in range(count):
            sent = self.sample(number)
            self.send(sent)
            came = self.receive()
            if not self.same(sent, came):
                sys.exit("exchange %d: sent %.80r, %.80r came back" % (number, sent, came))

    def answer(self, count):
        """Send back what comes."""
        for number in range(count):
            self.send(self.receive())


class Variables(Exchange):
    """Two variables, one each way."""

    kind = "variable"

    def __init__(self, asks):
        self.mine, self.theirs = [memlane.HostVariable(name, 65536, protocol=2) for name in self.names(asks)]
        self.seen = 0

    def send(self, value):
        self.mine.data = value

    def receive(self):
        self.theirs.wait(newer_than=self.seen, timeout=PATIENCE)
        reading = self.theirs.read()
        self.seen = reading[1]
        return reading[0]


class Shares(Exchange):
    """Two shares, one each way."""

    kind, share, size = "share", "SharedAssign", 65536

    def __init__(self, asks):
        mine, theirs = self.names(asks)
        share = getattr(memlane, self.share)
        self.mine, self.theirs = share(mine, self.size, "put"), share(theirs, self.size, "get")
        self.send = self.mine.put

    def receive(self):
        return self.theirs.get(timeout=PATIENCE)


class Arrays(Shares):
    """Small arrays, compared bit by bit."""

    kind, share = "array", "NumpyShare"

    def sample(self, number):
        import numpy

        return numpy.arange(number, number + 100, dtype="<f4")

    def same(self, one, other):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


class Clouds(Arrays):
    """Point clouds."""

    kind, size = "clouds", "5M"

    def sample(self, number):
        import numpy

        return numpy.random.RandomState(number).normal(size=CLOUD).astype(numpy.float32)


class Bytes(Exchange):
    """What carries bytes alone."""

    def sample(self, number):
        return struct.pack("<I", number) * (1 + number % 1000)


class Maps(Bytes):
    """A map: whose turn it is, how long the bytes are, the bytes."""

    size, front = 4096, struct.Struct("<II")

    def __init__(self, asks):
        self.map = memlane.RWSharedMMap("map", self.size)
        self.turn, self.after = (0, 1) if asks else (1, 0)

    def send(self, value):
        with self.map.lock_write(PATIENCE):
            self.map.seek(0)
            self.map.write(self.front.pack(self.after, len(value)))
            self.map.write(value)

    def receive(self):
        until = time.time() + PATIENCE
        while time.time() < until:
            with self.map.lock_read(PATIENCE):
                turn, size = self.front.unpack(self.map[:8])
                if turn == self.turn and size:
                    self.map.seek(8)
                    return self.map.read(size)
            time.sleep(0.0001)  # a map wakes nobody: looked at again and again, it leaves the other side its processor
        sys.exit("nothing came")


class Channels(Bytes):
    """Two channels: the length of some bytes, the bytes. Some are longer than the channel."""

    kind, size = "channel", 3000

    def __init__(self, asks):
        mine, theirs = self.names(asks)
        self.out = memlane.open_channel(mine, memlane.CHAN_W, self.size)
        self.back = memlane.open_channel(theirs, memlane.CHAN_R, self.size)

    def send(self, value):
        self.out.write(struct.pack("<I", len(value)) + value, timeout=PATIENCE)

    def receive(self):
        size = struct.unpack("<I", self.back.read_bytes(4, timeout=PATIENCE))[0]
        return self.back.read_bytes(size, timeout=PATIENCE)


class Functions(Exchange):
    """A function that returns what it is given."""

    def __init__(self, asks):
        self.left = 0
        if asks:
            self.caller = memlane.HostFunctionCaller("function", 65536, 65536, timeout=PATIENCE)
        else:
            self.dispatcher = memlane.HostFunctionDispatcher()
            self.dispatcher.add("function", self.echo, 65536, 65536)

    def echo(self, value):
        self.left -= 1
        if self.left == 0:
            self.dispatcher.stop()
        return value

    def send(self, value):
        self.value = value

    def receive(self):
        return self.caller.call(self.value)

    def answer(self, count):
        self.left = count
        self.dispatcher.serve_forever()


EXCHANGES = {
    "variable": Variables, "share": Shares, "array": Arrays, "clouds": Clouds, "map": Maps, "channel": Channels,
    "function": Functions,
}


def main(side, surfaces, count):
    """Play one side to its end."""
    exchanges = [EXCHANGES[surface](side == "ask") for surface in surfaces.split(",")]
    print("%s %d.%d ready" % ((memlane.__name__,) + tuple(sys.version_info[:2])))
    sys.stdout.flush()
    if side == "ask":
        sys.stdin.readline()
    for exchange in exchanges:
        began = timeit.default_timer()  # no wall clock, where there is another one
        getattr(exchange, side)(int(count))
        print("%.3f" % ((timeit.default_timer() - began) * 1000))


if __name__ == "__main__":
    main(*sys.argv[1:])
