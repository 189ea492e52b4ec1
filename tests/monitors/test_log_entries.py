"""Entries of a real systemd's journal that are larger than what one check reads."""

from tests.monitors.test_log import Watched, matches
from tests.parts.systemd import SystemdBox


def test_an_entry_that_is_larger_than_a_check_reads_does_not_end_the_watch(systemd_box: SystemdBox) -> None:
    box = systemd_box
    folder = "/run/systemd/journald.conf.d"
    box.shell(f"mkdir -p {folder}; printf '[Journal]\\nLineMax=8M\\n' > {folder}/lines.conf")
    box.systemctl("restart", "systemd-journald")
    box.service("j-large.service", "Type=oneshot", "ExecStart=/bin/sh -c 'cat /run/j-large'")

    def say(command: str) -> None:
        box.shell(f"({command}) > /run/j-large; systemctl start j-large; journalctl --sync")

    log = Watched(unit="j-large", contains="ERROR", journalctl=(*box.prefix[:-1], "journalctl"), max_bytes=100_000)
    say("echo begins")
    assert log.check().status == "healthy"
    say("echo before; printf 'ERROR \"large\" '; head -c 6000000 /dev/zero | tr '\\0' z; echo; echo ERROR after")
    found = [log.check() for _ in range(4)]
    assert sum(map(matches, found)) == 2
    assert log.memory["place"]["behind"] == 0
    lines = "\n".join(found[3].evidence["matching lines"].split("\n"))
    assert lines.startswith('ERROR "large" zzz') and lines.endswith("ERROR after")
    say("printf 'ERROR \\377'; head -c 1200000 /dev/zero | tr '\\0' '\\377'; echo")
    found = [log.check() for _ in range(3)]
    assert sum(map(matches, found)) == 1, "its bytes are a list of numbers in the answer, here an unfinished one"
    fresh = Watched(unit="j-large", contains="ERROR", journalctl=(*box.prefix[:-1], "journalctl"), max_bytes=100_000)
    assert fresh.check().evidence["log"] == "first check: it goes on from the present end of the log"
    say("echo ERROR last")
    assert [matches(fresh.check()), matches(fresh.check())] == [1, 0], "the first check knew the end of the log"
    assert matches(log.check()) == 1
