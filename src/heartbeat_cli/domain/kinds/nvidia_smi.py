"""The output of `nvidia-smi` as values: GPUs, and what it says in place of one. Pure.

https://docs.nvidia.com/deploy/nvidia-smi/index.html has the fields and the exit codes, which are those of NVML:
https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceEnumvs.html. A field that cannot be read holds a text in
brackets. `[N/A]` and `[Not Supported]` say that this model does not have it, all others that something is wrong.
"""

import math
import re
from binascii import crc32
from collections.abc import Sequence

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.result import Status
from heartbeat_cli.domain.plain import lines_of, one_line, whole
from heartbeat_cli.domain.record import Record

_FIRST = ("index", "uuid", "memory.used", "memory.total", "temperature.gpu", "utilization.gpu")
_PLAIN = ("ecc.errors.uncorrected.volatile.total", "retired_pages.pending")
_NEWER = ("remapped_rows.pending", "remapped_rows.failure")  # drivers have these since 2020 or later
FIELDS = (*_FIRST, *_PLAIN, *_NEWER, "name")  # the name is last: it alone may hold a comma
OLD_FIELDS = (*_FIRST, *_PLAIN, "name")

_MOST_GPUS = 256
_ABSENT = frozenset({"", "n/a", "na", "not supported", "not available", "insufficient permissions"})
_LOST = re.compile(r"is lost|requires reset|reset required|fallen off the bus", re.I)
_NO_HANDLE = re.compile(r"unable to determine the device handle", re.I)
_MIB = 1_048_576

# What it says instead of an answer. An exit code of its own counts where it says nothing that is known: a program in
# front of it (sudo, docker exec) has none of these.
_SAID: tuple[tuple[str, Status, Category | None], ...] = (
    (r"insufficient permissions|permission denied", "unknown", None),
    (r"no devices were found|no supported gpus were found", "unhealthy", "resource"),
    (r"couldn't communicate with the nvidia driver|driver not loaded", "unhealthy", "configuration"),
    (r"version mismatch|couldn't find libnvidia-ml|blocked by the operating system", "unhealthy", "configuration"),
    (r"is lost|requires reset|unable to determine the device handle|interrupt issue", "unhealthy", "resource"),
    (r"failed to initialize nvml", "unhealthy", "resource"),
)
_CODES: dict[int, Category] = {
    **dict.fromkeys((6, 8, 10, 15, 16), "resource"),
    **dict.fromkeys((9, 12, 17, 18), "configuration"),
}


class Gpu(Record):
    """One GPU. None: its model does not have it, or it cannot be read; `unreadable` names the latter fields, and
    `trouble` is what they say instead. Memory in bytes, temperature in °C, utilization in percent; `ecc` are errors
    since the driver was loaded that could not be corrected."""

    number: int | None
    uuid: str
    name: str
    memory_used: float | None = None
    memory_total: float | None = None
    temperature: float | None = None
    utilization: float | None = None
    ecc: float | None = None
    pages_pending: bool = False
    rows_pending: bool = False
    rows_failed: bool = False
    lost: bool = False
    trouble: str = ""
    unreadable: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """How messages call it."""
        if self.number is None:
            return self.uuid or "GPU"
        return f"GPU {self.number} ({self.name})" if self.name else f"GPU {self.number}"

    @property
    def key(self) -> str:
        """By which the next check knows it."""
        return key_of(self.uuid or self.shown)

    @property
    def memory_percent(self) -> float | None:
        """How much of its memory is used."""
        if self.memory_used is None or not self.memory_total:
            return None
        return 100 * self.memory_used / self.memory_total


class Output(Record):
    """The GPUs, and the lines between them."""

    gpus: tuple[Gpu, ...]
    messages: tuple[str, ...]

    @property
    def without_handle(self) -> int:
        """GPUs of which it only says that it cannot reach them."""
        return sum(1 for line in self.messages if _NO_HANDLE.search(line))


def key_of(uuid: str) -> str:
    """A checksum: it is kept as it is, and UUID and name are the program's text, which may hold anything."""
    return f"{crc32(uuid.encode(errors='replace')):08x}"


def parse(stdout: str, stderr: str, fields: Sequence[str]) -> Output:
    """What it printed when asked for these fields with `--format=csv,noheader,nounits`."""
    gpus: list[Gpu] = []
    messages: list[str] = []
    for line in lines_of(stdout):
        cells = [cell.strip() for cell in line.split(",", len(fields) - 1)]
        if len(cells) == len(fields) and len(gpus) < _MOST_GPUS:
            gpus.append(_gpu(dict(zip(fields, cells, strict=True))))
        elif line.strip():
            messages.append(one_line(line, 200))
    messages += [one_line(line, 200) for line in lines_of(stderr) if line.strip()]
    return Output(tuple(gpus), tuple(messages[:20]))


def is_old(output: Output, code: int | None) -> bool:
    """Whether this driver does not know one of the fields."""
    return code not in (0, None) and any("is not a valid field to query" in line for line in output.messages)


def verdict(output: Output, code: int) -> tuple[Status, Category | None]:
    """What it means that it named no GPU. `unknown`: it could not be asked."""
    text = " ".join(output.messages).lower()
    for pattern, status, category in _SAID:
        if re.search(pattern, text):
            return status, category
    return ("unhealthy", _CODES[code]) if code in _CODES else ("unknown", None)


def _gpu(cells: dict[str, str]) -> Gpu:
    wrong = {field: _said(cell) for field, cell in cells.items() if _is_wrong(cell)}
    trouble = next((said for said in wrong.values() if _LOST.search(said)), next(iter(wrong.values()), ""))
    read = {"memory.used", "temperature.gpu", "utilization.gpu"}
    lost = bool(_LOST.search(trouble)) or {"index", "uuid"} <= wrong.keys() or read <= wrong.keys()
    used, total = (_number(cells[field]) for field in ("memory.used", "memory.total"))
    return Gpu(
        number=whole(cells["index"]),
        uuid="" if "uuid" in wrong else one_line(cells["uuid"], 80),
        name="" if "name" in wrong else one_line(cells["name"], 80),
        memory_used=None if used is None else used * _MIB,
        memory_total=None if total is None else total * _MIB,
        temperature=_number(cells["temperature.gpu"]),
        utilization=_number(cells["utilization.gpu"]),
        ecc=_number(cells["ecc.errors.uncorrected.volatile.total"]),
        pages_pending=_is_yes(cells["retired_pages.pending"]),
        rows_pending=_is_yes(cells.get("remapped_rows.pending", "")),
        rows_failed=_is_yes(cells.get("remapped_rows.failure", "")),
        lost=lost,
        trouble=trouble,
        unreadable=tuple(wrong),
    )


def _said(cell: str) -> str:
    return one_line(cell.strip("[] "), 80)


def _is_wrong(cell: str) -> bool:
    """Whether it says that something is wrong, in place of a value."""
    bracketed = cell.startswith("[") and cell.endswith("]")
    return cell.startswith("ERR!") or (bracketed and _said(cell).lower() not in _ABSENT)


def _is_yes(cell: str) -> bool:
    return cell.lower() in ("yes", "1")


def _number(cell: str) -> float | None:
    """A figure, None where there is none."""
    if not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", cell):
        return None
    number = float(cell)
    return number if math.isfinite(number) else None
