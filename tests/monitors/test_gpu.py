"""The gpu monitor with recorded answers of nvidia-smi, from a program that prints them."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.kinds import gpu_health, nvidia_smi
from heartbeat_cli.domain.kinds.gpu_health import Limits
from heartbeat_cli.monitors import gpu as monitor
from heartbeat_cli.monitors.gpu import Settings
from heartbeat_cli.system import offspring
from tests.parts.nvidia_smi import NAMES, NvidiaSmi, recorded
from tests.parts.verb import heartbeat

NOW = 1_800_000_000.0
LIMITS = Limits(90.0, 95.0, 0.0, 0.0, 1)


@pytest.fixture
def smi(tmp_path: Path) -> NvidiaSmi:
    return NvidiaSmi(tmp_path)


def check(smi: NvidiaSmi, *, memory: Any = None, timeout: float = 20.0, at: float = 0.0, **keys: Any) -> Reading:
    settings = Settings(nvidia_smi=(str(smi.path),), **keys)
    (found,) = monitor.probe_all([(settings, CheckContext("gpu", timeout, NOW + at, memory or {}))])
    return found


def figures(reading: Reading) -> dict[tuple[str, str], float]:
    return {(one.name, one.metadata.get("gpu", "")): one.value for one in reading.metrics}


@pytest.mark.parametrize(
    ("name", "status", "category", "error"),
    [
        ("two", "healthy", None, None),
        ("one-of-two", "healthy", None, None),
        ("consumer", "healthy", None, None),
        ("unified-memory", "healthy", None, None),
        ("lost-fields", "unhealthy", "resource", "GPU 1 (NVIDIA A40) is lost: GPU is lost"),
        ("requires-reset", "unhealthy", "resource", "GPU 0 (NVIDIA H100 80GB HBM3) is lost: GPU requires reset"),
        ("no-handle", "unhealthy", "resource", "GPU is lost: Unknown Error"),
        (
            "no-handle-stderr",
            "unhealthy",
            "resource",
            "nvidia-smi: Unable to determine the device handle for GPU0: 0000:01:00.0: GPU is lost. "
            "Reboot the system to recover this GPU",
        ),
        (
            "all-lost",
            "unhealthy",
            "resource",
            "nvidia-smi: Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost. "
            "Reboot the system to recover this GPU",
        ),
        ("no-devices", "unhealthy", "resource", "nvidia-smi: No devices were found"),
        (
            "no-supported",
            "unhealthy",
            "resource",
            "nvidia-smi: Failed to initialize NVML: No supported GPUs were found",
        ),
        (
            "no-driver",
            "unhealthy",
            "configuration",
            "nvidia-smi: NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
            "Make sure that the latest NVIDIA driver is installed and running.",
        ),
        (
            "mismatch",
            "unhealthy",
            "configuration",
            "nvidia-smi: Failed to initialize NVML: Driver/library version mismatch",
        ),
        (
            "no-library",
            "unhealthy",
            "configuration",
            "nvidia-smi: NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. Please make sure that the "
            "NVIDIA Display Driver is properly installed and present in your system.",
        ),
        ("container-detached", "unhealthy", "resource", "nvidia-smi: Failed to initialize NVML: Unknown Error"),
        ("no-permission", "unknown", None, "nvidia-smi: Failed to initialize NVML: Insufficient Permissions"),
        ("power-cable", "unhealthy", "resource", "nvidia-smi: Something that no driver has said yet"),
        ("inforom", "degraded", "resource", "WARNING: infoROM is corrupted at gpu 0000:0B:00.0"),
        (
            "unknown-error",
            "degraded",
            "resource",
            "GPU 0 (NVIDIA RTX A6000): its driver cannot read temperature.gpu: Unknown Error",
        ),
        (
            "hot-and-worn",
            "unhealthy",
            "resource",
            "GPU 0 (NVIDIA H200 NVL) is at 96 °C (limit 95 °C); "
            "GPU 0 (NVIDIA H200 NVL): 2 memory errors could not be corrected since the driver was loaded; "
            "GPU 0 (NVIDIA H200 NVL): bad memory is retired only after a reset; "
            "GPU 1 (NVIDIA H200 NVL) is at 91 °C (limit 90 °C); "
            "GPU 1 (NVIDIA H200 NVL): memory rows could not be remapped; replace it",
        ),
        ("old-field", "unknown", None, 'nvidia-smi: Field "remapped_rows.pending" is not a valid field to query.'),
        ("old-driver", "unknown", None, None),
    ],
)
def test_what_each_recorded_answer_means(
    smi: NvidiaSmi, name: str, status: str, category: str | None, error: str | None
) -> None:
    if name == "old-driver":
        smi.answer("old-field", "old-driver")
        assert check(smi).status == "healthy"
        return
    smi.answer(name)
    found = check(smi)
    assert (found.status, found.category, found.error) == (status, category, error)
    assert not found.certain
    assert (found.response_time is not None) is (status in ("healthy", "degraded", "unhealthy"))


def test_every_recorded_answer_is_judged() -> None:
    (cases,) = [mark.args[1] for mark in test_what_each_recorded_answer_means.pytestmark]  # type: ignore[attr-defined]
    assert sorted(case[0] for case in cases) == NAMES


def test_the_figures(smi: NvidiaSmi) -> None:
    found = figures(check(smi))
    assert found["gpus", ""] == 2
    assert found["temperature_celsius", "1"] == 83 and found["utilization_percent", "1"] == 100
    assert found["memory_used_bytes", "0"] == 44_032 * 1_048_576
    assert found["memory_used_percent", "0"] == pytest.approx(95.58, abs=0.01)
    assert found["ecc_uncorrected_errors", "0"] == 0
    smi.answer("unified-memory")
    assert figures(check(smi)) == {
        ("gpus", ""): 1,
        ("temperature_celsius", "0"): 38,
        ("utilization_percent", "0"): 2,
    }


def test_a_card_that_was_there_before_is_missed(smi: NvidiaSmi) -> None:
    first = check(smi)
    smi.answer("one-of-two")
    found = check(smi, memory=first.memory)
    assert (found.status, found.category) == ("unhealthy", "resource")
    assert found.error == "GPU 1 (NVIDIA A40) is gone; if that is meant, set count = 1"
    again = check(smi, memory=found.memory)
    assert again.error == found.error, "it is not forgotten by the next check"
    assert check(smi, memory=found.memory, count=1).status == "healthy"

    smi.answer("no-devices")
    silent = check(smi, memory=first.memory)
    smi.answer("one-of-two")
    assert check(smi, memory=silent.memory).status == "unhealthy"
    smi.answer("two")
    assert check(smi, memory=found.memory).status == "healthy"


def test_a_card_that_is_exchanged_is_none_less(smi: NvidiaSmi) -> None:
    smi.answer("consumer")
    first = check(smi)
    smi.answer("unified-memory")
    assert check(smi, memory=first.memory).status == "healthy"


def test_count(smi: NvidiaSmi) -> None:
    found = check(smi, count=3)
    assert (found.status, found.error, found.category) == ("unhealthy", "2 of 3 GPUs work", "resource")
    smi.answer("lost-fields")
    assert check(smi, count=2).error == "GPU 1 (NVIDIA A40) is lost: GPU is lost; 1 of 2 GPUs work"


@pytest.mark.parametrize(
    ("device", "gpus"),
    [("1", 1), ("GPU-ec5ae7f5-28ec-d423-7a74-f1a00dd8f3ec", 1), ("GPU-0472*", 1), ("*A40*", 2), ("10", 0), ("A40", 0)],
)
def test_one_device(smi: NvidiaSmi, device: str, gpus: int) -> None:
    found = check(smi, device=device)
    assert figures(found)["gpus", ""] == gpus
    if not gpus:
        assert (found.status, found.category) == ("unhealthy", "configuration")
        assert found.error == f"there is no GPU {device}"


def test_another_lost_card_is_no_matter_of_a_device(smi: NvidiaSmi) -> None:
    smi.answer("no-handle")
    assert check(smi, device="2").status == "healthy"
    smi.answer("lost-fields")
    assert check(smi, device="0").status == "healthy"
    assert check(smi, device="1").status == "unhealthy"


def test_limits(smi: NvidiaSmi) -> None:
    assert check(smi, memory_warn=90.0).error == "GPU 0 (NVIDIA A40): 96 % of its memory is used (limit 90 %)"
    assert check(smi, memory_warn=90.0).status == "degraded"
    assert check(smi, memory_critical=95.0).status == "unhealthy"
    assert check(smi, temperature_warn=83.0).status == "degraded"
    assert check(smi, temperature_warn=84.0).status == "healthy"
    smi.answer("hot-and-worn")
    found = check(smi, temperature_warn=0.0, temperature_critical=0.0, ecc_warn=0)
    assert found.status == "degraded" and found.error is not None and "°C" not in found.error


def test_one_call_answers_for_all(smi: NvidiaSmi, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    other = NvidiaSmi(tmp_path / "b", "no-driver")
    mine = (str(smi.path),)
    asked = [
        Settings(device="0", nvidia_smi=mine),
        Settings(nvidia_smi=(str(other.path),)),
        Settings(device="1", temperature_warn=80.0, nvidia_smi=mine),
    ]
    found = monitor.probe_all([(one, CheckContext("gpu", 20.0, NOW)) for one in asked])
    assert [one.status for one in found] == ["healthy", "unhealthy", "degraded"]
    assert len(smi.calls) == len(other.calls) == 1
    assert smi.calls[0].endswith(",name --format=csv,noheader,nounits")


def test_an_old_driver_is_asked_for_what_it_knows(smi: NvidiaSmi) -> None:
    smi.answer("old-field", "old-driver")
    first = check(smi)
    assert (first.status, len(smi.calls)) == ("healthy", 2)
    second = check(smi, memory=first.memory, at=60)
    assert (second.status, len(smi.calls)) == ("healthy", 3)
    later = check(smi, memory=second.memory, at=90_000)
    assert len(smi.calls) == 5, "the driver may have been upgraded"
    assert check(smi, memory=later.memory, at=90_060).status == "healthy"
    assert len(smi.calls) == 6
    smi.answer("consumer")
    last = check(smi, memory=later.memory, at=180_000)
    assert (last.status, len(smi.calls)) == ("healthy", 7) and "old_until" not in last.memory


def test_a_driver_that_hangs(smi: NvidiaSmi) -> None:
    smi.run("trap '' TERM; sleep 600")
    found = check(smi, timeout=1.0, memory={"seen": [["GPU-x", "GPU 0"]]})
    assert (found.status, found.category, found.response_time) == ("error", "resource", None)
    assert found.error == "nvidia-smi did not answer within 0.6 s; the driver may hang"
    assert found.memory == {"seen": [["GPU-x", "GPU 0"]]}


def test_no_second_call_while_an_earlier_one_cannot_be_ended(smi: NvidiaSmi) -> None:
    """Each would wait in the kernel for ever: thousands until the host is rebooted."""
    stuck = subprocess.Popen(["sleep", "600"])
    try:
        memory = {"hung": [stuck.pid, offspring.began(str(stuck.pid))], "seen": []}
        found = check(smi, memory=memory)
        assert (found.status, found.category) == ("error", "resource")
        assert found.error == f"nvidia-smi of an earlier check still hangs (process {stuck.pid})"
        assert found.memory == memory and smi.calls == []
        other = {"hung": [stuck.pid, 1.5]}
        assert check(smi, memory=other).status == "healthy", "another process has the number now"
    finally:
        stuck.kill()
        stuck.wait()
    found = check(smi, memory=memory)
    assert found.status == "healthy" and "hung" not in found.memory


def test_no_nvidia_smi(tmp_path: Path, smi: NvidiaSmi) -> None:
    (found,) = monitor.probe_all(
        [(Settings(nvidia_smi=(str(tmp_path / "none"),)), CheckContext("gpu", 5.0, NOW, {"seen": [["a", "b"]]}))]
    )
    assert (found.status, found.error) == ("unknown", f"cannot run {tmp_path}/none: no such file or directory")
    assert found.memory == {"seen": [["a", "b"]]}
    smi.run("echo 'Error response from daemon: container box is not running' >&2; exit 1")
    found = check(smi)
    assert found.status == "unknown" and found.error is not None and "box is not running" in found.error


def test_a_flood_is_cut(smi: NvidiaSmi) -> None:
    smi.run("yes '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ten' | head -c 5000000; exit 0")
    found = check(smi)
    assert figures(found)["gpus", ""] == 256


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("count = 0", "count: expected 1 or more, got 0"),
        ("memory_warn = 101", "memory_warn: expected 0 to 100 (0 switches it off), got 101"),
        ("temperature_warn = -1", "temperature_warn: expected 0 or more (0 switches it off), got -1"),
        ("temperature_warn = 96", "temperature_warn: is never reached: temperature_critical is lower"),
        ('device = " "', "device: is empty; expected an index, a UUID or a name"),
        ("nvidia_smi = []", 'nvidia_smi: expected a program and its arguments, as ["nvidia-smi"]'),
    ],
)
def test_mistakes_in_the_settings(tmp_path: Path, lines: str, said: str) -> None:
    (tmp_path / "heartbeat.toml").write_text(f'[heartbeat]\n[components.gpu]\nkind = "gpu"\n{lines}\n')
    ended = heartbeat(tmp_path, "config", "check")
    assert ended.code == 2 and f"components.gpu.{said}" in ended.err


def test_a_whole_check(tmp_path: Path, smi: NvidiaSmi) -> None:
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\n[components.gpu]\nkind = "gpu"\ntimeout = 20\nnvidia_smi = ["{smi.path}"]\n'
    )
    assert heartbeat(tmp_path, "check").code == 0
    smi.answer("one-of-two")
    ended = heartbeat(tmp_path, "check", "--all")
    assert ended.code == 1 and "is gone" in ended.out


_CELLS = st.sampled_from(
    ["[N/A]", "[GPU is lost]", "[Unknown Error]", "ERR!", "0", "44", "-3", "Yes", "GPU-1", "", "²"]
)
_LINES = st.lists(st.lists(_CELLS, min_size=1, max_size=12).map(", ".join) | st.text(max_size=30), max_size=6)


@given(lines=_LINES, code=st.integers(0, 20), count=st.none() | st.integers(1, 5))
def test_whatever_it_prints_is_judged(lines: list[str], code: int, count: int | None) -> None:
    output = nvidia_smi.parse("\n".join(lines), "", nvidia_smi.FIELDS)
    assert nvidia_smi.verdict(output, code)[0] in ("unhealthy", "unknown")
    found = gpu_health.judge(output.gpus, output, LIMITS, count, {}, None)
    lost = any(gpu.lost for gpu in output.gpus)
    if output.gpus:
        assert (found.error is None) is (found.status == "healthy")
        assert not lost or found.status == "unhealthy"
    assert all(gpu.shown and gpu.shown.isprintable() for gpu in output.gpus)


def test_a_cut_output_is_not_read_as_a_row() -> None:
    out, _, _ = recorded("two")
    assert len(nvidia_smi.parse(out[:120], "", nvidia_smi.FIELDS).gpus) == 1
