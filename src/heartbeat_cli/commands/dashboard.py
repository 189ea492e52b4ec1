"""`heartbeat dashboard`: the page and the badges, asked for by a person."""

import click

from heartbeat_cli.commands import _page
from heartbeat_cli.commands._app import App, pass_app
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import UsageError


@click.command("dashboard")
@click.option("-o", "--output", metavar="FILE", help="Where to write it; `-` prints it.  [default: [dashboard] file]")
@click.option("--badges", metavar="DIR", help="Write badges (SVG) into this folder.  [default: [dashboard] badges]")
@pass_app
def command(app: App, output: str | None, badges: str | None) -> int:
    """Write the state of everything as an HTML page and as badges.

    The page is one self-contained file: open it in a browser, or let any web server serve it. It reloads itself, and
    shows a warning when it is no longer updated. `heartbeat run` keeps it up to date when
    `[dashboard] file` is set, and the badges when `badges` is. Only you can read what is written, unless
    `[dashboard] public = true` lets a web server. Your own `dashboard.html.j2`, `dashboard.css` or `dashboard.js` in
    the folder `[heartbeat] templates` names takes the place of the one that came with heartbeat.

    \b
    Example:
      heartbeat dashboard -o /var/www/html/heartbeat.html
    """
    own = app.config.dashboard
    target, folder = (output, badges) if output or badges else (own.file, own.badges)
    if target is None and folder is None:
        raise UsageError(
            Text("nowhere to write to: give -o FILE or --badges DIR, or set file or badges in [dashboard]")
        )
    now = app.now()
    with app.store_to_read() as db:
        board = _page.read_board(app, db, now)
        page = "" if target is None else _page.render_page(app, board, now)
        count = 0 if folder is None else _page.write_badges(app, folder, board, now)
    if target == "-":
        click.echo(page, nl=False)
    elif target is not None:
        _page.write(app, target, page, now, named=bool(output))
        app.remark(Text("{target}: written", target=target))
    if folder is not None:
        app.remark(Text("{folder}: {count} badges written", folder=folder, count=count))
    return 0
