"""The pictures of docs/report.md: a bad day and a good one of the deployment that the tests live through.

python -m bench.report_pictures [FOLDER]     # default: docs
"""

import sys
import tempfile
from datetime import date
from pathlib import Path

from tests.parts import chromium, deployment

from heartbeat_cli.domain.coverage import Degraded, Gap
from heartbeat_cli.domain.summary import Summary
from heartbeat_cli.domain.trends import Forecast, Shift
from heartbeat_cli.passes import report as figures
from heartbeat_cli.views import report

_DAY = date(2026, 11, 21)
_SPAN = figures.period(_DAY, _DAY, "Asia/Hong_Kong")
_HOUR = 3_600.0
_PICTURES = (("report", "bad", 2330, False), ("report-dark", "bad", 2330, True), ("report-good", "good", 1560, False))


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    days = {"bad": _bad(), "good": _lived(deployment.calm, 2 * deployment.DAY)}
    with tempfile.TemporaryDirectory() as kept:
        for name, day, height, dark in _PICTURES:
            page = Path(kept) / f"{day}.html"
            page.write_text(report.rendered(days[day], "html", "en"))
            chromium.picture(page, folder / f"{name}.png", 1280, height, dark=dark)


def _lived(story: deployment.Story, span: float) -> Summary:
    with tempfile.TemporaryDirectory() as folder:
        config = deployment.config(Path(folder))
        with deployment.store(config) as db:
            deployment.live(db, config, _SPAN.end - 30, story, span=span, step=120)
            return figures.report(db, config, _SPAN, _SPAN.end + 60)


def _bad() -> Summary:
    """With what the told day has no passes for: a gap, a store that was away, a fortnight's figures."""
    end = _SPAN.end
    return _lived(deployment.trouble, deployment.DAY)._replace(
        gaps=[Gap("agents-01", end - 9.7 * _HOUR, end - 9 * _HOUR, "no pass for 42 min, expected every 30 s")],
        gap_seconds=2_520.0,
        coverage_percent=100 * (1 - 2_520 / 86_400),
        degraded=[Degraded("d", "agents-01", end - 1.5 * _HOUR, "the store does not answer", end - _HOUR)],
        degraded_seconds=1_800.0,
        shifts=(Shift("weather", end - 7 * _HOUR, 0.12, 0.30, 400),),
        forecasts=(Forecast("host", "disk_used_percent", "/srv/models", 70.0, 100.0, 2.5, 12.0, 9.0, 20.0),),
    )


if __name__ == "__main__":
    main()
