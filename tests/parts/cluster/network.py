"""Ways between programs on loopback that can be cut. As on a real network nobody is told: what was sent stays on its
way, new connections hang, and all of it arrives when the way is mended.

with Network() as network:
    way = network.way_to(port)
    connect(way.port); way.cut(); way.mend()
"""

import os
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_CHUNK = 65_536


class _End:
    """One side of a connection: what came to it goes to `other`."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.other: _End | None = None
        self.waiting = b""  # what is to be written to this side
        self.read_to_end = self.shut = False


class Way:
    """`port` leads to the server at port `target`, unless it is cut."""

    def __init__(self, network: "Network", target: int) -> None:
        self._network, self._target, self.is_cut = network, target, False
        self.ends: set[_End] = set()
        self._held: list[socket.socket] = []  # taken, and led nowhere yet
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]

    def cut(self) -> None:
        """Nothing gets through any more, in either direction."""
        self._network.do(lambda: self._set(True))

    def mend(self) -> None:
        """Everything gets through again, also what was sent meanwhile."""
        self._network.do(lambda: self._set(False))

    def _set(self, is_cut: bool) -> None:
        self.is_cut = is_cut
        held, self._held = ([], self._held) if is_cut else (self._held, [])
        for link in held:
            self._lead(link)
        for end in list(self.ends):
            self._network.watch(self, end)

    def accept(self) -> None:
        with suppress(OSError):
            link, _ = self.listener.accept()
            if self.is_cut:
                self._held.append(link)
            else:
                self._lead(link)

    def _lead(self, link: socket.socket) -> None:
        try:
            there = socket.create_connection(("127.0.0.1", self._target), timeout=1)
        except OSError:  # nobody listens there just now
            link.close()
            return
        here, far = _End(link), _End(there)
        here.other, far.other = far, here
        for end in (here, far):
            end.link.setblocking(False)
            end.link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.ends.add(end)
            self._network.watch(self, end)

    def carry(self, end: _End, events: int) -> None:
        """Read and write what can be read from and written to one side just now."""
        assert end.other is not None
        try:
            if events & selectors.EVENT_READ:
                data = end.link.recv(_CHUNK)
                end.other.waiting += data
                end.read_to_end = not data
            for one in (end, end.other):
                self._write(one)
        except BlockingIOError:
            pass
        except OSError:
            self._close(end)
            return
        if end.read_to_end and end.other.read_to_end and not (end.waiting or end.other.waiting):
            self._close(end)
        else:
            for one in (end, end.other):
                self._network.watch(self, one)

    def _write(self, end: _End) -> None:
        if end.waiting:
            with suppress(BlockingIOError):
                end.waiting = end.waiting[end.link.send(end.waiting) :]
        assert end.other is not None
        if end.other.read_to_end and not end.waiting and not end.shut:
            end.shut = True
            end.link.shutdown(socket.SHUT_WR)

    def _close(self, end: _End) -> None:
        for one in (end, end.other):
            assert one is not None
            self._network.forget(one)
            self.ends.discard(one)
            one.link.close()

    def close(self) -> None:
        """Nothing leads there any more."""
        self._network.do(self.end)

    def end(self) -> None:
        with suppress(KeyError, ValueError):
            self._network.selector.unregister(self.listener)
        for end in list(self.ends):
            self._network.forget(end)
            end.link.close()
        self.ends.clear()
        for link in (*self._held, self.listener):
            link.close()


class Network:
    """All ways, carried by one thread."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self._ways: list[Way] = []
        self._todo: list[tuple[Callable[[], None], threading.Event]] = []
        self._wake, wakes = os.pipe()
        self._wakes = wakes
        self.selector.register(self._wake, selectors.EVENT_READ)
        self._over = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def way_to(self, target: int) -> Way:
        way = Way(self, target)
        self._ways.append(way)
        self.do(lambda: self.selector.register(way.listener, selectors.EVENT_READ, way) and None)
        return way

    def do(self, work: Callable[[], None]) -> None:
        """Do something in the thread that carries; done when this returns."""
        done = threading.Event()
        self._todo.append((work, done))
        os.write(self._wakes, b".")
        assert done.wait(30)

    def watch(self, way: Way, end: _End) -> None:
        """Wait for what one side can do: not to be read from while the other does not take what came."""
        events = 0
        if not way.is_cut:
            assert end.other is not None
            events |= selectors.EVENT_READ if not end.read_to_end and len(end.other.waiting) < 4 * _CHUNK else 0
            events |= selectors.EVENT_WRITE if end.waiting else 0
        known = end.link in self.selector.get_map()
        if events and known:
            self.selector.modify(end.link, events, (way, end))
        elif events:
            self.selector.register(end.link, events, (way, end))
        elif known:
            self.selector.unregister(end.link)

    def forget(self, end: _End) -> None:
        with suppress(KeyError, ValueError):
            self.selector.unregister(end.link)

    def _work(self) -> None:
        while not self._over:
            for key, events in self.selector.select():
                if key.data is None:
                    os.read(self._wake, _CHUNK)
                elif isinstance(key.data, Way):
                    key.data.accept()
                elif key.data[1] in key.data[0].ends:  # not closed by what came before it
                    key.data[0].carry(key.data[1], events)
            while self._todo:
                work, done = self._todo.pop(0)
                work()
                done.set()

    def close(self) -> None:
        def end() -> None:
            self._over = True
            for way in self._ways:
                way.end()

        self.do(end)
        self._thread.join(10)
        self.selector.close()
        os.close(self._wake)
        os.close(self._wakes)


@contextmanager
def network() -> Iterator[Network]:
    """Until the end of the block."""
    made = Network()
    try:
        yield made
    finally:
        made.close()
