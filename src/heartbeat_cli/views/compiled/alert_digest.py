"""templates/alert.digest.j2 as Python. Written by scripts/templates: change the template, then run that."""

from typing import Any

from heartbeat_cli.views.compiled.parts import Values, Write, part, shown

SOURCES = {"alert.digest.j2": 1007661765}


def message_6_part1(v: Values, w: Write, one: Any) -> None:
    w(shown(part(one, "mark")) + " <b>" + shown(part(one, "title")) + "</b>")
    if part(one, "stalled"):
        w(shown(v["_"](" (nothing done since {since})", since=part(one, "stalled"))))
    elif part(one, "since") and (part(one, "type") in ("reminder", "escalated")):
        w(shown(v["_"](" (since {since}, for {lasting})", since=part(one, "since"), lasting=part(one, "lasting"))))
    elif part(one, "since") and part(one, "stopped"):
        w(shown(v["_"](" (stopped at {at}, seen since {since})", at=part(one, "stopped"), since=part(one, "since"))))
    elif part(one, "since"):
        w(shown(v["_"](" (since {since})", since=part(one, "since"))))
    w("\n")


def message_6_part2(v: Values, w: Write, one: Any) -> None:
    if part(one, "cause"):
        w("↳ ")
        if part(one, "remedy"):
            w(shown(v["_"]("{first}; {then}", first=part(one, "cause"), then=part(one, "remedy"))))
        else:
            w(shown(part(one, "cause")))
        w("\n")
    if part(one, "last"):
        w("↳ " + shown(v["_"]("Now: {last}", last=part(one, "last"))) + "\n")
    for line in [
        line
        for line in (
            part(one, "main_cause"),
            part(one, "whose"),
            part(one, "unseen"),
            part(one, "relapse"),
            part(one, "renews"),
        )
        if line
    ]:
        w("↳ " + shown(line) + "\n")


def message_6_part3(v: Values, w: Write, one: Any) -> None:
    if part(one, "votes") and (not part(one, "views")):
        w("↳ ")
        rows = list(part(one, "votes"))
        for index, vote in enumerate(rows, 1):
            if part(vote, "at"):
                w(
                    shown(
                        v["_"](
                            "{host} at {at}: {status}",
                            host=part(vote, "host"),
                            at=part(vote, "at"),
                            status=part(vote, "status"),
                        )
                    )
                )
            else:
                w(shown(v["_"]("{name}: {said}", name=part(vote, "host"), said=part(vote, "status"))))
            w(shown("" if (index == len(rows)) else v["_"](", ", "names")))
        w("\n")
    if part(one, "held"):
        w(
            "↳ "
            + shown(v["_"]("Affected by it: {names}", names=v["_"](", ", "names").join(map(str, part(one, "held")))))
            + "\n"
        )


def message_6_part4(v: Values, w: Write, one: Any) -> None:
    for step in part(one, "attempts"):
        w(
            "↳ "
            + shown(
                v["_"](
                    "Tried: {step}",
                    step=v["_"]("{name}: {said}", "step", name=part(step, "action"), said=part(step, "outcome")),
                )
            )
        )
        if part(step, "detail"):
            w(shown(v["_"](" - {detail}", detail=part(step, "detail"))))
        w("\n")
    if part(one, "recovery"):
        w("↳ " + shown(part(one, "recovery")) + "\n")
    if part(one, "ask"):
        w("↳ " + shown(v["_"]("It waits for your word: <code>{ask}</code>", ask=part(one, "ask"))) + "\n")


def message_7_part1(v: Values, w: Write, one: Any) -> None:
    w(shown(part(one, "mark")) + " " + shown(part(one, "title")))
    if part(one, "lasting"):
        w(shown(v["_"](" after {lasting}", lasting=part(one, "lasting"))))
    w("\n")
    if part(one, "healed"):
        w("↳ " + shown(v["_"]("Healed by: {healed}", healed=part(one, "healed"))) + "\n")
    elif part(one, "type") == "recovered":
        w("↳ " + shown(v["_"]("It came back by itself.")) + "\n")


def message_7_part2(v: Values, w: Write, one: Any) -> None:
    if part(one, "whole") or (part(one, "type") == "recovered"):
        if part(one, "since"):
            w("↳ " + shown(v["_"]("Since {since}", since=part(one, "since"))))
            if part(one, "cause"):
                w(shown(v["_"](": {said}", said=part(one, "cause"))))
            w("\n")
    for vote in [vote for vote in part(one, "votes") if part(vote, "fails")]:
        w("↳ " + shown(v["_"]("{host} still sees it fail", host=part(vote, "host"))))
        if part(vote, "said"):
            w(shown(v["_"](": {said}", said=part(vote, "said"))))
        w("\n")


def message_part1(v: Values, w: Write) -> None:
    w("<b>" + shown(v["mark"]) + " " + shown(v["bracket"]) + shown(v["title"]) + "</b>\n")
    if v["state"]:
        w(shown(v["state"]) + "\n")
    if v["also"]:
        w(shown(v["_"]("Also in fault now: {names}", names=v["_"](", ", "names").join(map(str, v["also"])))) + "\n")
    if v["settling"]:
        w(shown(v["_"]("Not settled: {names}", names=v["_"](", ", "names").join(map(str, v["settling"])))) + "\n")
    w("\n")


def message_part2(v: Values, w: Write) -> None:
    for one in [one for one in v["begun"] if (not part(one, "whole"))]:
        message_6_part1(v, w, one)
        message_6_part2(v, w, one)
        message_6_part3(v, w, one)
        message_6_part4(v, w, one)
    for one in v["ended"]:
        message_7_part1(v, w, one)
        message_7_part2(v, w, one)
    for line in v["names"]:
        w(shown(line) + "\n")
    if v["open"]:
        w(shown(v["open"]) + "\n")


def message_part3(v: Values, w: Write) -> None:
    if v["closing"]:
        w(shown(v["closing"]) + "\n")
    w("\n")
    rows = list(v["advice"])
    for index, row in enumerate(rows, 1):
        if index == 1:
            w("<b>" + shown(v["_"]("What to do")) + "</b>\n")
        if part(row, "names"):
            w(shown(v["_"]("{name}: {said}", name=part(row, "names"), said=part(row, "said"))))
        else:
            w(shown(part(row, "said")))
        w("\n")


def message_part4(v: Values, w: Write) -> None:
    w("\n")
    if v["ack"]:
        w(shown(v["_"]("Acknowledge: <code>{command}</code>", command=v["ack"][0])) + "\n")
    for command in v["silence"]:
        w(shown(v["_"]("No messages for an hour: <code>{command}</code>", command=command)) + "\n")
    w("\n")
    for one in [one for one in v["begun"] if (not part(one, "whole"))]:
        for label, text in part(one, "evidence"):
            w(
                "<b>"
                + shown(v["_"]("{name}: {said}", name=part(one, "name"), said=label))
                + "</b>\n<pre>"
                + shown(text)
                + "</pre>\n"
            )
    w("\n<i>" + shown(v["at"]) + " " + shown(v["timezone"]) + "</i>\n")
    if v["remark"]:
        w("<i>" + shown(v["remark"]) + "</i>\n")


def message(v: Values, w: Write) -> None:
    message_part1(v, w)
    message_part2(v, w)
    message_part3(v, w)
    message_part4(v, w)


def render(v: Values) -> str:
    out: list[str] = []
    message(v, out.append)
    return "".join(out)
