"""templates/alert.over.j2 as Python. Written by scripts/templates: change the template, then run that."""

from heartbeat_cli.views.compiled import alert as base
from heartbeat_cli.views.compiled.parts import Values, Write, part, shown

SOURCES = {"alert.over.j2": 755127301, "alert.j2": 1911494674}


def head(v: Values, w: Write) -> None:
    w("<b>" + shown(v["mark"]) + " " + shown(v["bracket"]) + shown(v["title"]) + "</b>")
    if v["lasting"]:
        w(shown(v["_"](" after {lasting}", lasting=v["lasting"])))
    w("\n\n")


def seen_part1(v: Values, w: Write) -> None:
    if v["healed"]:
        w(shown(v["_"]("Healed by: {healed}", healed=v["healed"])) + "\n")
    elif v["type"] == "recovered":
        w(shown(v["_"]("It came back by itself.")) + "\n")
    if v["cause"]:
        w(shown(v["_"]("It was: {cause}", cause=v["cause"])) + "\n")
    if v["outages"] > 1:
        w(shown(v["_"]("It was down {n} times, {down} in all.", n=v["outages"], down=v["down"])) + "\n")
    if v["description"]:
        w(shown(v["description"]) + "\n")


def seen_part2(v: Values, w: Write) -> None:
    for one in [one for one in v["votes"] if part(one, "fails")]:
        w(shown(v["_"]("{host} still sees it fail", host=part(one, "host"))))
        if part(one, "said"):
            w(shown(v["_"](": {said}", said=part(one, "said"))))
        w("\n")
    for one in [one for one in v["votes"] if part(one, "unknown")]:
        w(shown(v["_"]("{host} could not look", host=part(one, "host"))))
        if part(one, "said"):
            w(shown(v["_"](": {said}", said=part(one, "said"))))
        w("\n")


def seen_part3(v: Values, w: Write) -> None:
    if v["well"] and (not v["held"]):
        w(shown(v["_"]("All that was affected is well: {names}", names=v["well"])) + "\n")
    elif v["well"]:
        w(shown(v["_"]("Recovered: {names}", names=v["well"])) + "\n")
    if v["held"]:
        if v["follow"]:
            w(
                shown(
                    v["_"](
                        "Not well yet: {names}. {follow}",
                        names=v["_"](", ", "names").join(map(str, v["held"])),
                        follow=v["follow"],
                    )
                )
            )
        else:
            w(shown(v["_"]("Not well yet: {names}", names=v["_"](", ", "names").join(map(str, v["held"])))))
        w("\n")
    if v["open"]:
        w(shown(v["open"]) + "\n")


def seen_part4(v: Values, w: Write) -> None:
    if v["closing"]:
        w(shown(v["closing"]) + "\n")


def seen(v: Values, w: Write) -> None:
    seen_part1(v, w)
    seen_part2(v, w)
    seen_part3(v, w)
    seen_part4(v, w)


def did(v: Values, w: Write) -> None:
    if (len(v["attempts"]) > 1) or (v["attempts"] and part(v["attempts"][0], "waited")):
        base.did(v, w)
        w("\n")


def evidence(v: Values, w: Write) -> None:
    pass


def message(v: Values, w: Write) -> None:
    head(v, w)
    seen(v, w)
    w("\n")
    did(v, w)
    w("\n")
    base.advice(v, w)
    w("\n")
    base.answer(v, w)
    w("\n")
    evidence(v, w)
    w("\n")
    base.foot(v, w)


def render(v: Values) -> str:
    out: list[str] = []
    message(v, out.append)
    return "".join(out)
