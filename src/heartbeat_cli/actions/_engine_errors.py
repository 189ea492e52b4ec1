"""What the Docker SDK says of a call that failed, as a sentence of ours; what Docker itself said stands behind it in
brackets, once."""

from collections.abc import Iterator

from heartbeat_cli.domain.plain import one_line, system_words
from heartbeat_cli.domain.text import Text

_SAID = 200  # characters of what Docker said
_MOST = 16  # errors that one error may wrap


def why(error: Exception) -> str:
    """Why a call failed: by the status of Docker's answer, or by what kept it from answering."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    said = one_line(str(getattr(error, "explanation", None) or ""), _SAID)
    if is_no_container(error):
        return Text("the container is gone")
    if not isinstance(status, int):
        return _without_answer(error, said)
    what = Text("Docker refused it with HTTP {status}", status=status)
    if status == 404:
        what = Text("something that the container needs is gone")
    elif status == 409:
        what = Text("Docker does not allow it in the container's present state")
    elif status >= 500:
        what = Text("Docker could not do it")
    return Text("{what} ({said})", what=what, said=said) if said else what


def is_no_container(error: Exception) -> bool:
    """Whether Docker said that there is no such container."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    said = str(getattr(error, "explanation", None) or "").lower()
    return status == 404 and (not said or "no such container" in said)


def _without_answer(error: Exception, said: str) -> str:
    """By the system's own error, where one is at the bottom of it."""
    for one in _chain(error):
        if isinstance(one, OSError) and one.strerror:
            words = system_words(one_line(one.strerror, _SAID))
            return Text("Docker cannot be reached ({said})", said=words)
    return system_words(said or one_line(str(error), _SAID))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it wraps: its cause, what it was raised in place of, and those among its arguments."""
    left, seen = [error], set[int]()
    while left and len(seen) < _MOST:
        one = left.pop(0)
        if id(one) in seen:
            continue
        yield one
        seen.add(id(one))
        wrapped = (one.__cause__, one.__context__, *one.args, getattr(one, "reason", None))
        left += [each for each in wrapped if isinstance(each, BaseException)]
