"""`heartbeat ack`: acknowledge open incidents."""

from typing import TYPE_CHECKING

import click

from heartbeat_cli.commands._app import FORMATS, App, by_option, format_option, pass_app, print_json, requester, show
from heartbeat_cli.commands._complete import component_ids
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import UsageError

if TYPE_CHECKING:
    from heartbeat_cli.domain.incident import Incident


@click.command("ack")
@click.argument("names", nargs=-1, metavar="[ID|KIND|GLOB]...", shell_complete=component_ids)
@click.option("--undo", is_flag=True, help="Take the acknowledgement back.")
@by_option
@format_option(*FORMATS)
@pass_app
def command(app: App, names: tuple[str, ...], undo: bool, by: str, form: str) -> None:
    """Acknowledge open incidents, or list them.

    An acknowledged incident is not reminded of and not escalated. Without arguments, the open incidents are listed.
    """
    from heartbeat_cli.passes.alerting import answers
    from heartbeat_cli.store.sql import sentences
    from heartbeat_cli.store.state import states

    if undo and not names:
        raise UsageError(Text("--undo wants the components whose acknowledgement is to be taken back"))
    if by and not names:
        raise UsageError(Text("--by goes with the components that are acknowledged"))
    wanted = app.components(names) if names else []
    with app.store_to_write_at_once() if names else app.store_to_read() as db, db.transaction():
        incidents = states.open_incidents(db)
        named = [incidents[id_] for id_ in wanted if id_ in incidents]
        changed = answers.acknowledge(db, app.config, named, None if undo else requester(by), app.now())
        incidents |= {one.component: one for one in changed}
        shown = [one for one in incidents.values() if not names or one.component in wanted]
        shown = sentences.known(db, shown, app.locale)
    if form == "json":
        from heartbeat_cli.views.rows import incident_row

        print_json([incident_row(one, app.secrets) for one in shown])
        return
    for one in shown:
        show(_line(app, one))
    if not shown:
        app.remark(Text("no open incident"))


def _line(app: App, one: "Incident") -> str:
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.redact import redact
    from heartbeat_cli.views.wording import local_time

    acked = Text("acknowledged by {who}", who=one.acked_by) if one.acked_by else Text("not acknowledged")
    return app.words(
        Text(
            "{component}  since {since}  {acked}  {cause}",
            component=one.component,
            since=local_time(one.started, app.config.timezone),
            acked=acked,
            cause=one_line(redact(one.cause, app.secrets)),
        )
    )
