"""What the figures of GPUs mean: how many are missing, which limits are reached, and the metrics they make. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.result import Metric, Status
from heartbeat_cli.domain.kinds import nvidia_smi
from heartbeat_cli.domain.kinds.nvidia_smi import Gpu, Output
from heartbeat_cli.domain.kinds.value_checks import RANKS
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, joined, listed

_REMEMBERED = 64  # GPUs


class Limits(Record):
    """Where warnings begin; the keys of the same names in a `gpu` table. 0 switches one off."""

    temperature_warn: float
    temperature_critical: float
    memory_warn: float
    memory_critical: float
    ecc_warn: int


class Verdict(Record):
    """`seen` are the GPUs that the next check expects: what messages call each, by `Gpu.key`."""

    status: Status
    error: str | None
    category: Category | None
    seen: Mapping[str, str]


class _Finding(Record):
    status: Status
    text: str
    category: Category = "resource"


def remembered(seen: Any) -> Mapping[str, str]:
    """The GPUs of an earlier check, out of a memory. Versions before this one kept [UUID, what messages call it]."""
    if isinstance(seen, list):
        pairs = [
            one for one in seen if isinstance(one, list) and len(one) == 2 and all(isinstance(x, str) for x in one)
        ]
        return {nvidia_smi.key_of(uuid or shown): shown for uuid, shown in pairs}
    known = seen.items() if isinstance(seen, Mapping) else ()
    return {key: shown for key, shown in known if isinstance(shown, str)}


def judge(
    gpus: Sequence[Gpu], output: Output, limits: Limits, count: int | None, seen: Mapping[str, str], device: str | None
) -> Verdict:
    """The verdict on the GPUs that are meant, out of all that nvidia-smi named in `output`. `count` is how many there
    must be, else as many as `seen` holds."""
    present = [gpu for gpu in gpus if not gpu.lost]
    findings = [*_missing(gpus, output, count, seen, device)]
    for gpu in present:
        findings += _of_one(gpu, limits)
    if any("infoROM is corrupted" in line for line in output.messages):
        line = next(line for line in output.messages if "infoROM is corrupted" in line)
        findings.append(_Finding("degraded", line))
    findings.sort(key=lambda one: -RANKS[one.status])
    now = {gpu.key: gpu.shown for gpu in present[:_REMEMBERED]}
    kept = now if len(now) >= len(seen) else seen
    if not findings:
        return Verdict("healthy", None, None, kept)
    error = joined(dict.fromkeys(one.text for one in findings))
    return Verdict(findings[0].status, error, findings[0].category, kept)


def _missing(
    gpus: Sequence[Gpu], output: Output, count: int | None, before: Mapping[str, str], device: str | None
) -> Iterator[_Finding]:
    """Those that are lost, and those that are not there any more."""
    lost = [gpu for gpu in gpus if gpu.lost]
    for gpu in lost:
        yield _Finding("unhealthy", Text("{gpu} is lost: {why}", gpu=gpu.shown, why=gpu.trouble))
    # One that nvidia-smi cannot reach has no number: it is any GPU, or one that is not asked for.
    nameless = max(0, output.without_handle - len(lost)) if device is None else 0
    if nameless:
        line = next(line for line in output.messages if "unable to determine" in line.lower())
        yield _Finding("unhealthy", Text("nvidia-smi: {said}", said=line))
    present = len(gpus) - len(lost)
    if count is not None and present < count:
        yield _Finding("unhealthy", Text("{n} of {count} GPUs work", n=present, count=count))
    elif not gpus and not before:
        text = Text("there is no GPU {device}", device=one_line(device or "", 80))
        yield _Finding("unhealthy", text, "configuration")
    elif count is None and present + len(lost) + nameless < len(before):
        keys = {gpu.key for gpu in gpus}
        gone = listed(shown for key, shown in before.items() if key not in keys)
        text = Text("{gpus} is gone; if that is meant, set count = {n}", gpus=gone, n=max(1, present))
        yield _Finding("unhealthy", text)


def _of_one(gpu: Gpu, limits: Limits) -> Iterator[_Finding]:
    reached = _reached(gpu.temperature, limits.temperature_warn, limits.temperature_critical)
    if reached is not None:
        text = Text(
            "{gpu} is at {n:.0f} °C (limit {limit:g} °C)", gpu=gpu.shown, n=gpu.temperature or 0, limit=reached[1]
        )
        yield _Finding(reached[0], text)
    percent = gpu.memory_percent
    reached = _reached(percent, limits.memory_warn, limits.memory_critical)
    if reached is not None:
        text = Text(
            "{gpu}: {n:.0f} % of its memory is used (limit {limit:g} %)",
            gpu=gpu.shown,
            n=percent or 0,
            limit=reached[1],
        )
        yield _Finding(reached[0], text)
    if gpu.ecc is not None and 0 < limits.ecc_warn <= gpu.ecc:
        text = Text(
            "{gpu}: {n:.0f} memory errors could not be corrected since the driver was loaded", gpu=gpu.shown, n=gpu.ecc
        )
        yield _Finding("degraded", text)
    if gpu.rows_failed:
        yield _Finding("degraded", Text("{gpu}: memory rows could not be remapped; replace it", gpu=gpu.shown))
    elif gpu.pages_pending or gpu.rows_pending:
        yield _Finding("degraded", Text("{gpu}: bad memory is retired only after a reset", gpu=gpu.shown))
    if "temperature.gpu" in gpu.unreadable or "memory.used" in gpu.unreadable:
        text = Text("{gpu}: its driver cannot read {what}: {why}", gpu=gpu.shown, what=_first(gpu), why=gpu.trouble)
        yield _Finding("degraded", text)


def _first(gpu: Gpu) -> str:
    return next(field for field in gpu.unreadable if field in ("temperature.gpu", "memory.used"))


def _reached(value: float | None, warn: float, critical: float) -> tuple[Status, float] | None:
    if value is not None and 0 < critical <= value:
        return "unhealthy", critical
    return ("degraded", warn) if value is not None and 0 < warn <= value else None


def metrics(gpus: Sequence[Gpu]) -> tuple[Metric, ...]:
    """The figures of each GPU, told apart by its number."""
    found = []
    for gpu in gpus:
        which = {"gpu": str(gpu.number) if gpu.number is not None else gpu.uuid}
        values = {
            "temperature_celsius": gpu.temperature,
            "utilization_percent": gpu.utilization,
            "memory_used_bytes": gpu.memory_used,
            "memory_used_percent": gpu.memory_percent,
        }
        found += [Metric(name, value, metadata=which) for name, value in values.items() if value is not None]
        if gpu.ecc is not None:
            found.append(Metric("ecc_uncorrected_errors", gpu.ecc, "counter", which))
    return tuple(found)
