"""A small DNS server on 127.0.0.1, over UDP and TCP: it answers from a zone, or misbehaves."""

import socket
import socketserver
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Answerer = Callable[[dns.message.Message, bool], bytes | None]  # the query, whether over TCP; None: silence

ZONE = """
www.example.test. 300 IN A 192.0.2.10
www.example.test. 300 IN A 192.0.2.11
www.example.test. 300 IN AAAA 2001:db8::10
alias.example.test. 60 IN CNAME www.example.test.
loop.example.test. 60 IN CNAME loop.example.test.
example.test. 3600 IN MX 10 Mail.Example.test.
example.test. 3600 IN MX 20 backup.example.test.
example.test. 3600 IN NS ns1.example.test.
example.test. 3600 IN TXT "v=spf1 -all"
example.test. 3600 IN TXT "long " "text"
example.test. 3600 IN CAA 0 issue "letsencrypt.org"
example.test. 3600 IN SOA ns1.example.test. admin.example.test. 1 7200 3600 1209600 3600
_imap._tcp.example.test. 3600 IN SRV 0 1 993 mail.example.test.
10.2.0.192.in-addr.arpa. 3600 IN PTR www.example.test.
"""


def from_zone(query: dns.message.Message, over_tcp: bool, zone: str = ZONE) -> bytes:
    """The answer of a server that has this zone; it follows a CNAME."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    (question,) = query.question
    name, names = question.name, set()
    records = [line.split(None, 4) for line in zone.strip().splitlines()]
    while name not in names:
        names.add(name)
        owned = [one for one in records if dns.rrset.from_text(one[0], 0, "IN", "A").name == name]
        if not owned and len(names) == 1:
            response.set_rcode(dns.rcode.NXDOMAIN)
        wanted = [one for one in owned if one[3] == dns.rdatatype.to_text(question.rdtype)]
        chained = [one for one in owned if one[3] == "CNAME"]
        for kind in dict.fromkeys(one[3] for one in wanted or chained):
            texts = [one[4] for one in wanted or chained if one[3] == kind]
            response.answer.append(dns.rrset.from_text(name, int((wanted or chained)[0][1]), "IN", kind, *texts))
        if wanted or not chained:
            break
        name = dns.rrset.from_text("x.", 0, "IN", "CNAME", chained[0][4])[0].target
    return response.to_wire(max_size=65_535 if over_tcp else 0)


def refusing(code: dns.rcode.Rcode) -> Answerer:
    """It answers with this code."""

    def answer(query: dns.message.Message, over_tcp: bool) -> bytes:
        response = dns.message.make_response(query)
        response.set_rcode(code)
        return response.to_wire()

    return answer


def silent(query: dns.message.Message, over_tcp: bool) -> None:
    """It takes the question, and says nothing."""


def truncated(query: dns.message.Message, over_tcp: bool) -> bytes:
    """Over UDP nothing fits."""
    if over_tcp:
        return from_zone(query, over_tcp)
    response = dns.message.make_response(query)
    response.flags |= dns.flags.TC
    return response.to_wire()


def wrong_id(query: dns.message.Message, over_tcp: bool) -> bytes:
    """The answer to another question."""
    wire = bytearray(from_zone(query, over_tcp))
    wire[0] ^= 0xFF
    return bytes(wire)


def garbage(query: dns.message.Message, over_tcp: bool) -> bytes:
    """The right id, and then nothing that makes sense."""
    return query.id.to_bytes(2, "big") + b"\x84\x00\x00\x01\xff\xff" + b"\xc0\x0c" * 50


def hard_to_read(query: dns.message.Message, over_tcp: bool) -> bytes:
    """The right id and question, then as many records as fit, each with a name of 120 parts, and no end."""
    head = query.id.to_bytes(2, "big") + b"\x81\x80\x00\x01\xff\xff\x00\x00\x00\x00"
    head += query.question[0].name.to_wire() + b"\x00\x01\x00\x01"
    record = b"\x00\x01\x00\x01\x00\x00\x00\x1e\x00\x04\x01\x02\x03\x04"
    again = (0xC000 | len(head)).to_bytes(2, "big") + record
    return (head + b"\x01a" * 120 + b"\x00" + record + again * 300)[:4_096]


def packed(query: dns.message.Message, most: int) -> bytes:
    """A valid answer of at most so many bytes, in as many records as fit, each with two names of 120 parts."""
    question = query.question[0].name.to_wire() + b"\x00\x01\x00\x01"
    kind = b"\x00\x02\x00\x01\x00\x00\x00\x3c"  # NS: what it holds is a name as well
    records = [b"\x01a" * 120 + b"\x00" + kind + b"\x00\x01\x00"]
    name = (0xC000 | (12 + len(question))).to_bytes(2, "big")
    left = most - 12 - len(question) - len(records[0])
    for number in range(left // 24):
        one = b"\x04%04x" % number + name
        records.append(one + kind + b"\x00\x07" + one)
    head = query.id.to_bytes(2, "big") + b"\x81\x80\x00\x01" + len(records).to_bytes(2, "big") + bytes(4)
    return head + question + b"".join(records)


def flood(link: socket.socket) -> None:
    """Sends packets that are hard to read to whoever asked last, more of them than anybody can read, without an end."""
    data, asker = link.recvfrom(4096)
    link.setblocking(False)
    while True:
        packet = hard_to_read(dns.message.from_wire(data), False)
        for _ in range(20):
            with suppress(OSError):  # the asker has no more room, or is gone
                link.sendto(packet, asker)
        with suppress(OSError):
            data, asker = link.recvfrom(4096)


def authenticated(query: dns.message.Message, over_tcp: bool) -> bytes:
    """As a resolver that validates."""
    response = dns.message.from_wire(from_zone(query, over_tcp))
    response.flags |= dns.flags.AD
    return response.to_wire()


class DnsServer:
    """A context manager; `answer` can be exchanged, `before` is what it sends ahead of that over UDP, and `asked` are
    the questions as (name, type, over TCP)."""

    def __init__(self, answer: Answerer = from_zone) -> None:
        self.answer = answer
        self.before: Callable[[dns.message.Message, bool], bytes] | None = None
        self.asked: list[tuple[str, str, bool]] = []
        self.queries: list[dns.message.Message] = []
        self._servers: list[socketserver.BaseServer] = []
        self.port = 0

    def _reply(self, wire: bytes, over_tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        (question,) = query.question
        self.queries.append(query)
        self.asked.append((question.name.to_text(), dns.rdatatype.to_text(question.rdtype), over_tcp))
        return self.answer(query, over_tcp)

    def __enter__(self) -> "DnsServer":
        outer = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, link = self.request
                reply = outer._reply(data, False)
                if reply is not None and outer.before:
                    link.sendto(outer.before(outer.queries[-1], False), self.client_address)
                if reply is not None:
                    link.sendto(reply, self.client_address)

        class Tcp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                (length,) = struct.unpack("!H", self.request.recv(2, socket.MSG_WAITALL) or b"\0\0")
                reply = outer._reply(self.request.recv(length, socket.MSG_WAITALL), True)
                if reply is None:
                    self.request.recv(1)
                else:
                    self.request.sendall(struct.pack("!H", len(reply)) + reply)

        while not self._servers:
            tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tcp)
            tcp.daemon_threads = True
            try:
                udp = socketserver.UDPServer(("127.0.0.1", tcp.server_address[1]), Udp)
            except OSError:  # somebody else has the port for UDP
                tcp.server_close()
                continue
            self._servers, self.port = [tcp, udp], int(tcp.server_address[1])
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
