"""What starts a contestant of the duel: `python -I -S _duel_launch.py RESULT BEGIN PERIOD PROGRAM…`.

From the moment BEGIN on, a PERIOD above 0 starts the program that often, on time, and once more a second after one was
killed (as a timer of systemd does for a service with `Restart=on-abnormal`); 0 keeps one running, and starts it again a
second after it died (as systemd does). SIGTERM ends that;
RESULT then has the CPU seconds and the peak memory (MB) of all that was started, and the peak of a resident program.
"""

import json
import os
import signal
import sys
import time


class Launcher:
    def __init__(self, begin: float, period: float, argv: list[str]) -> None:
        self.next, self.period, self.argv = begin, period, argv
        self.running: set[int] = set()
        self.cpu = self.peak = self.resident = 0.0
        self.over = False
        self.again = float("inf")  # when the program is started beside its period, because it was killed
        signal.signal(signal.SIGTERM, self._end)

    def run(self) -> None:
        while not self.over:
            self._reap()
            if self.period and time.time() >= self.again and not self.running:
                self._start()
                self.again = float("inf")
            if time.time() >= self.next and (self.period or not self.running):
                self._start()
                self.next = self.next + self.period if self.period else time.time() + 1
            elif not self.period and self.running:
                self.next = time.time() + 1
            time.sleep(0.05)
        for pid in self.running:
            self.resident = max(self.resident, _own_peak(pid))
            os.kill(pid, signal.SIGTERM)
        end = time.time() + 10
        while self.running and time.time() < end:
            self._reap()
            time.sleep(0.05)
        for pid in self.running:
            os.kill(pid, signal.SIGKILL)

    def _start(self) -> None:
        self.running.add(os.posix_spawn(self.argv[0], self.argv, os.environ))

    def result(self) -> str:
        return json.dumps({"cpu": self.cpu, "peak": self.peak, "resident": self.resident})

    def _reap(self) -> None:
        while self.running:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if not pid:
                return
            self.running.discard(pid)
            self.again = time.time() + 1 if os.WIFSIGNALED(status) else self.again
            self.cpu += usage.ru_utime + usage.ru_stime
            self.peak = max(self.peak, usage.ru_maxrss * 1024 / 1e6)

    def _end(self, *_: object) -> None:
        self.over = True


def _own_peak(pid: int) -> float:
    with open(f"/proc/{pid}/status") as file:
        return next((int(line.split()[1]) * 1024 / 1e6 for line in file if line.startswith("VmHWM")), 0.0)


if __name__ == "__main__":
    launcher = Launcher(float(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])
    launcher.run()
    with open(sys.argv[1], "w") as out:
        out.write(launcher.result())
