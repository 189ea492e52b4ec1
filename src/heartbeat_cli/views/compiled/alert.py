"""templates/alert.j2 as Python. Written by scripts/templates: change the template, then run that."""

from heartbeat_cli.views.compiled.parts import Values, Write, part, shown

SOURCES = {"alert.j2": 1911494674}


def head_part1(v: Values, w: Write) -> None:
    w("<b>" + shown(v["mark"]) + " " + shown(v["bracket"]) + shown(v["title"]) + "</b>")


def head_part2(v: Values, w: Write) -> None:
    if v["until"]:
        w(
            shown(
                v["_"](" from {since} to {until} ({lasting})", since=v["since"], until=v["until"], lasting=v["lasting"])
            )
        )
    elif v["stalled"] and (v["type"] in ("reminder", "escalated")):
        w(shown(v["_"](" (nothing done since {since}, for {lasting})", since=v["stalled"], lasting=v["stalled_for"])))
    elif v["stalled"]:
        w(shown(v["_"](" (nothing done since {since})", since=v["stalled"])))
    elif v["since"] and (v["type"] in ("reminder", "escalated")):
        w(shown(v["_"](" (since {since}, for {lasting})", since=v["since"], lasting=v["lasting"])))
    elif v["since"] and v["stopped"]:
        w(shown(v["_"](" (stopped at {at}, seen since {since})", at=v["stopped"], since=v["since"])))
    elif v["since"] and v["unseen"]:
        w(shown(v["_"](" (since {since} at the latest)", since=v["since"])))
    elif v["since"]:
        w(shown(v["_"](" (since {since})", since=v["since"])))


def head_part3(v: Values, w: Write) -> None:
    w("\n\n")


def head(v: Values, w: Write) -> None:
    head_part1(v, w)
    head_part2(v, w)
    head_part3(v, w)


def seen_part1(v: Values, w: Write) -> None:
    if v["cause"]:
        w("<b>")
        if v["remedy"]:
            w(shown(v["_"]("{first}; {then}", first=v["cause"], then=v["remedy"])))
        else:
            w(shown(v["cause"]))
        w("</b>\n")
    if v["main_cause"]:
        w(shown(v["main_cause"]) + "\n")
    if v["whose"]:
        w(shown(v["whose"]) + "\n")


def seen_part2(v: Values, w: Write) -> None:
    if v["description"] and (
        ((not v["whose"]) or v["own_words"])
        or (v["type"] in ("reminder", "escalated", "recovery_failed", "recovery_denied", "recovery_braked"))
    ):
        w(shown(v["description"]) + "\n")
    for line in v["text"]:
        w(shown(line) + "\n")
    if v["open"]:
        w(shown(v["open"]) + "\n")
    if v["last"]:
        w(shown(v["_"]("Now: {last}", last=v["last"])) + "\n")
    if v["flapping"]:
        w(shown(v["_"]("It is flapping: it fails and recovers again and again.")) + "\n")
    if v["unseen"]:
        w(shown(v["unseen"]) + "\n")


def seen_part3(v: Values, w: Write) -> None:
    if v["informed"]:
        w(shown(v["informed"]) + "\n")
    if v["relapse"]:
        w(shown(v["relapse"]) + "\n")
    if v["address"]:
        w(shown(v["_"]("Asked: {address}", address=v["address"])) + "\n")
    if v["renews"]:
        w(shown(v["renews"]) + "\n")
    if v["waited_for"] and v["waited_until"]:
        w(
            shown(
                v["_"](
                    "No message until now, because this was in fault: {waited_for} (until {until})",
                    waited_for=v["waited_for"],
                    until=v["waited_until"],
                )
            )
            + "\n"
        )
    elif v["waited_for"]:
        w(
            shown(v["_"]("No message until now, because this was in fault: {waited_for}", waited_for=v["waited_for"]))
            + "\n"
        )


def seen_part4(v: Values, w: Write) -> None:
    if v["counted"]:
        w(shown(v["counted"]) + "\n")
    if v["checked"]:
        w(shown(v["checked"]) + "\n")
    for one in [one for one in v["votes"] if (not v["views"])]:
        if part(one, "at"):
            w(
                shown(
                    v["_"](
                        "Seen from {host} at {at}: {status}",
                        host=part(one, "host"),
                        at=part(one, "at"),
                        status=part(one, "status"),
                    )
                )
            )
        else:
            w(shown(v["_"]("Seen from {host}: {status}", host=part(one, "host"), status=part(one, "status"))))
        if part(one, "said"):
            w(shown(v["_"](": {said}", "view of a host", said=part(one, "said"))))
        w("\n")


def seen_part5(v: Values, w: Write) -> None:
    if v["also_since"]:
        w(
            shown(v["_"]("Also in fault now: {names}", names=v["_"](", ", "names").join(map(str, v["also_since"]))))
            + "\n"
        )
    if v["settling"]:
        w(shown(v["_"]("Not settled: {names}", names=v["_"](", ", "names").join(map(str, v["settling"])))) + "\n")
    if v["likely"]:
        w(shown(v["likely"]) + "\n")
    if v["held"]:
        w(shown(v["_"]("Affected by it: {names}", names=v["_"](", ", "names").join(map(str, v["held"])))) + "\n")


def seen(v: Values, w: Write) -> None:
    seen_part1(v, w)
    seen_part2(v, w)
    seen_part3(v, w)
    seen_part4(v, w)
    seen_part5(v, w)


def did(v: Values, w: Write) -> None:
    if (v["attempts"] or v["recovery"]) or v["ask"]:
        w("<b>" + shown(v["_"]("Recovery")) + "</b>\n")
        for one in v["attempts"]:
            w(
                shown(part(one, "number"))
                + ". "
                + shown(v["_"]("{name}: {said}", "step", name=part(one, "action"), said=part(one, "outcome")))
            )
            if part(one, "detail"):
                w(shown(v["_"](" - {detail}", detail=part(one, "detail"))))
            if part(one, "waited"):
                w(shown(v["_"](" (it waited before: {why})", why=part(one, "waited"))))
            w("\n")
        if v["recovery"]:
            w(shown(v["recovery"]) + "\n")
        if v["ask"]:
            w(shown(v["_"]("It waits for your word: <code>{ask}</code>", ask=v["ask"])) + "\n")


def advice(v: Values, w: Write) -> None:
    if v["advice"]:
        w("<b>" + shown(v["_"]("What to do")) + "</b>\n")
        rows = list(v["advice"])
        for index, step in enumerate(rows, 1):
            w(shown(index) + ". " + shown(step) + "\n")


def answer(v: Values, w: Write) -> None:
    if v["unanswerable"]:
        w(shown(v["unanswerable"]) + "\n")
    if v["ack"]:
        w(shown(v["_"]("Acknowledge: <code>{command}</code>", command=v["ack"][0])) + "\n")
    for command in v["silence"]:
        w(shown(v["_"]("No messages for an hour: <code>{command}</code>", command=command)) + "\n")


def evidence(v: Values, w: Write) -> None:
    for label, text in v["evidence"]:
        w("<b>" + shown(label) + "</b>\n<pre>" + shown(text) + "</pre>\n")


def foot_part1(v: Values, w: Write) -> None:
    w("<i>")
    if str(v["name"]).lower() != str(v["component"]).lower():
        w(shown(v["_"]("{name} ({id})", name=v["name"], id=v["component"])))
    else:
        w(shown(v["component"]))
    if v["severity"]:
        w(" · " + shown(v["severity"]))
    if v["sender"]:
        w(" · " + shown(v["_"]("sent by {sender}", sender=v["sender"])))
    elif v["observer"]:
        w(" · " + shown(v["_"]("seen by {observer}", observer=v["observer"])))
    w(" · " + shown(v["at"]) + " " + shown(v["timezone"]) + "</i>\n")


def foot_part2(v: Values, w: Write) -> None:
    if v["reason"]:
        w("<i>" + shown(v["_"]("Why this message: {reason}", reason=v["reason"])) + "</i>\n")
    if v["remark"]:
        w("<i>" + shown(v["remark"]) + "</i>\n")


def foot(v: Values, w: Write) -> None:
    foot_part1(v, w)
    foot_part2(v, w)


def message(v: Values, w: Write) -> None:
    head(v, w)
    seen(v, w)
    w("\n")
    did(v, w)
    w("\n")
    advice(v, w)
    w("\n")
    answer(v, w)
    w("\n")
    evidence(v, w)
    w("\n")
    foot(v, w)


def render(v: Values) -> str:
    out: list[str] = []
    message(v, out.append)
    return "".join(out)
