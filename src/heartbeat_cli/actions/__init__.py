"""One file an action: a step of a recovery ladder. The file name is what a config calls it.

Each has a `Settings` named tuple and

    run(settings, *, timeout) -> Outcome            takes the step, within `timeout` seconds; never raises

and may have these, none of which changes anything or raises:

    problems(settings) -> [(key, what is wrong)]    when the configuration is read
    hold(settings, *, timeout, before="") -> str | None
                                                    why the component must be left alone just now, in one line for a
                                                    person ("was stopped on purpose", "is still starting"): no step of
                                                    its ladder is taken then. None when nothing speaks against it, and
                                                    when that cannot be found out. What only rules out this very step
                                                    (no such unit, no such script) is for `run` to refuse. `before`:
                                                    what it last said about this fault
    happened(settings, since, *, timeout) -> bool | None
                                                    whether the step's effect took place at or after `since` (seconds
                                                    since the epoch), or is visibly under way: asked when the process
                                                    that took it was killed. None: cannot be known, as without it
    begun(settings, *, timeout) -> float | None     since when (epoch seconds) what it acts on has been running, if
                                                    somebody started it: it may still be coming up. None: it does
                                                    not run, goes round in a crash loop, or that cannot be known
    left_behind(settings, *, timeout) -> float | None
                                                    since when (epoch seconds) the newest program has been running that
                                                    its step has started; None where there is none
    rights(settings, *, timeout) -> Right           whether this user may take it; asked by `heartbeat doctor`
"""
