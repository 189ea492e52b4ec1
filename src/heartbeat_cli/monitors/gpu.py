"""NVIDIA GPUs by nvidia-smi: a lost device, temperature, memory, memory errors.

healthy    all GPUs are there and answer, and no limit is reached
degraded   a warning limit is reached: temperature, memory, uncorrectable memory errors; memory that waits to be
           retired or remapped; a corrupted infoROM; a figure that cannot be read
unhealthy  a GPU is lost, needs a reset or is fewer than before; a critical limit is reached; the driver is not loaded
           or does not fit its library; no such GPU
error      nvidia-smi does not answer in time: a driver that hangs has it hang, too
unknown    there is no nvidia-smi, or it may not be run

No restart of a service mends a GPU: everything here needs a person. Full memory is no fault by default, since model
servers fill a GPU on purpose. All components with the same `nvidia_smi` are answered by one call.

    [components.gpu]
    kind = "gpu"
    count = 2
"""

import os
import time
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from heartbeat_cli.domain.checking.guarded import guarded
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading, unknown
from heartbeat_cli.domain.kinds import gpu_health, nvidia_smi
from heartbeat_cli.domain.kinds.gpu_health import Limits
from heartbeat_cli.domain.kinds.nvidia_smi import Gpu, Output
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.plain import one_line, own_fault, system_words
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import hung, process

_MAX_OUTPUT = 262_144
_OLD_FOR = 86_400.0  # seconds until a driver that did not know a field is asked for it again
_OLD, _SEEN = "old_until", "seen"  # keys of the memory


class Settings(Record):
    """Which GPUs, and their limits. A limit of 0 is off.

    device: index, UUID or name of the GPU, with * and ? as wildcards ("GPU-5c*", "*A100*"); default: all
    count: how many there must be; default: as many as have been seen
    temperature_warn: °C from which it is degraded
    temperature_critical: °C from which it is unhealthy
    memory_warn: percent of the memory in use from which it is degraded
    memory_critical: percent of the memory in use from which it is unhealthy
    ecc_warn: memory errors that could not be corrected, since the driver was loaded, from which it is degraded
    nvidia_smi: the program, with a prefix where one is needed, as ["docker", "exec", "box", "nvidia-smi"]
    """

    device: str | None = None
    count: int | None = None  # type: ignore[assignment]  # a tuple has a method of this name
    temperature_warn: float = 90.0
    temperature_critical: float = 95.0
    memory_warn: float = 0.0
    memory_critical: float = 0.0
    ecc_warn: int = 1
    nvidia_smi: tuple[str, ...] = ("nvidia-smi",)


class _Answer(Record):
    """What one call said. `failure` is the reading of one that gave no output; `old` whether the driver does not know
    the newer fields."""

    output: Output = Output((), ())
    code: int = 0
    elapsed: float = 0.0
    old: bool = False
    failure: Reading | None = None


def needs(settings: Settings) -> Needs:
    return Needs(programs=settings.nvidia_smi != ("nvidia-smi",), devices=True)


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    found = []
    if not settings.nvidia_smi or not all(settings.nvidia_smi):
        found.append(("nvidia_smi", 'expected a program and its arguments, as ["nvidia-smi"]'))
    if settings.device is not None and not settings.device.strip():
        found.append(("device", "is empty; expected an index, a UUID or a name"))
    if settings.count is not None and settings.count < 1:
        found.append(("count", f"expected 1 or more, got {settings.count}"))
    for key in Limits._fields:
        value = getattr(settings, key)
        if value < 0 or (key.startswith("memory") and value > 100):
            expected = "0 to 100" if key.startswith("memory") else "0 or more"
            found.append((key, f"expected {expected} (0 switches it off), got {value:g}"))
    for what in ("temperature", "memory"):
        warn, critical = getattr(settings, f"{what}_warn"), getattr(settings, f"{what}_critical")
        if 0 < critical < warn:
            found.append((f"{what}_warn", f"is never reached: {what}_critical is lower"))
    return found


def probe_all(asked: Sequence[tuple[Settings, CheckContext]]) -> list[Reading]:
    """One call for each program, side by side: a driver that hangs takes no time from another one."""
    from heartbeat_cli.system import in_threads

    groups: dict[tuple[str, ...], list[CheckContext]] = {}
    for settings, context in asked:
        groups.setdefault(settings.nvidia_smi, []).append(context)
    calls = {argv: partial(_ask, argv, contexts) for argv, contexts in groups.items()}
    longest = max((context.timeout for _, context in asked), default=0.0)
    found = in_threads.results(calls, time.monotonic() + longest)
    return [guarded(one[1], _reading, *one, found.get(one[0].nvidia_smi)) for one in asked]


def _ask(argv: tuple[str, ...], contexts: Sequence[CheckContext]) -> _Answer:
    if (pid := hung.still(context.memory for context in contexts)) is not None:
        text = Text("nvidia-smi of an earlier check still hangs (process {pid})", pid=pid)
        return _Answer(failure=Reading("error", None, text, category="resource", memory=hung.kept(pid)))
    shortest = min(context.timeout for context in contexts)
    ask = partial(_call, argv, time.monotonic() + shortest - hung.reserve(shortest), hung.reap(shortest))
    old = any(_until(context) > context.now for context in contexts)
    answer = ask(nvidia_smi.OLD_FIELDS if old else nvidia_smi.FIELDS)
    if not old and answer.failure is None and nvidia_smi.is_old(answer.output, answer.code):
        answer = ask(nvidia_smi.OLD_FIELDS)
        old = True
    return answer._replace(old=old)


def _call(argv: tuple[str, ...], deadline: float, reap: float, fields: tuple[str, ...]) -> _Answer:
    words = (f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
    started = time.monotonic()
    timeout = max(0.05, deadline - started)
    # For a `docker exec` in front of it.
    env = process.minimal_env({name: value for name, value in os.environ.items() if name.startswith("DOCKER_")})
    try:
        done = process.run([*argv, *words], timeout=timeout, env=env, max_output=_MAX_OUTPUT, reap_seconds=reap)
    except (OSError, ValueError) as error:
        why = system_words(str(getattr(error, "strerror", None) or error).lower())
        text = Text("cannot run {command}: {why}", command=one_line(argv[0], 80), why=why)
        return _Answer(failure=unknown(text))
    if done.timed_out:
        text = Text("nvidia-smi did not answer within {n:.1f} s; the driver may hang", n=timeout)
        return _Answer(failure=Reading("error", None, text, category="resource", memory=hung.kept(done.left)))
    return _Answer(nvidia_smi.parse(done.stdout, done.stderr, fields), done.code or 0, time.monotonic() - started)


def _until(context: CheckContext) -> float:
    until = context.memory.get(_OLD)
    return float(until) if isinstance(until, int | float) and until <= context.now + _OLD_FOR else 0.0


def _reading(settings: Settings, context: CheckContext, answer: _Answer | Exception | None) -> Reading:
    kept = {key: value for key, value in context.memory.items() if key in (_SEEN, _OLD)}
    if answer is None:
        text = Text("nvidia-smi did not answer within {n:.1f} s; the driver may hang", n=context.timeout)
        return Reading("error", None, text, memory=kept, category="resource")
    if isinstance(answer, Exception):
        return unknown(own_fault(answer), kept)
    if answer.failure is not None:
        return answer.failure._replace(memory={**kept, **answer.failure.memory})
    kept.pop(_OLD, None)
    if answer.old:
        until = _until(context)
        kept[_OLD] = until if until > context.now else context.now + _OLD_FOR
    if not answer.output.gpus:
        return _none(answer, kept)
    return _judged(settings, answer, kept)


def _none(answer: _Answer, kept: Mapping[str, Any]) -> Reading:
    """It named no GPU at all."""
    status, category = nvidia_smi.verdict(answer.output, answer.code)
    said = answer.output.messages[0] if answer.output.messages else Text("exit code {code}", code=answer.code)
    took = answer.elapsed if status == "unhealthy" else None
    text = Text("nvidia-smi: {said}", said=said)
    return Reading(status, took, text, memory=kept, category=category)


def _judged(settings: Settings, answer: _Answer, kept: dict[str, Any]) -> Reading:
    limits = Limits(*(getattr(settings, key) for key in Limits._fields))
    gpus = [gpu for gpu in answer.output.gpus if _is_meant(settings.device, gpu)]
    verdict = gpu_health.judge(
        gpus, answer.output, limits, settings.count, gpu_health.remembered(kept.get(_SEEN)), settings.device
    )
    kept[_SEEN] = verdict.seen
    metrics = (Metric("gpus", float(sum(not gpu.lost for gpu in gpus))), *gpu_health.metrics(gpus))
    evidence: Mapping[str, str] = {"nvidia-smi": "\n".join(answer.output.messages)} if answer.output.messages else {}
    return Reading(verdict.status, answer.elapsed, verdict.error, metrics, evidence, kept, category=verdict.category)


def _is_meant(device: str | None, gpu: Gpu) -> bool:
    if device is None:
        return True
    names = (str(gpu.number) if gpu.number is not None else "", gpu.uuid, gpu.name)
    return any(name and fnmatchcase(name, device) for name in names)
