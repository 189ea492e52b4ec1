"""Follows the files of a log from check to check: each line is read once, across rotation and truncation.

A place is kept for each file. One that has lost its name is read on while it exists and is written: its writer may not
have noticed. What was rotated more than once since the last check is read as a whole; what was rotated before is not.
Files that the first check finds are read from their end on, those that appear later from their beginning.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from heartbeat_cli.domain.kinds.log_place import Place, State, chosen, unread
from heartbeat_cli.domain.plain import one_line, system_words
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._log_content import Content, can_be_skipped, has, is_sure, may_be
from heartbeat_cli.monitors._log_folder import Folders, seen
from heartbeat_cli.monitors._log_named import Named, named, own_places, rotated_from, spots
from heartbeat_cli.monitors._log_reading import end, read
from heartbeat_cli.monitors._log_rotated import Found, Search
from heartbeat_cli.monitors._log_tally import Tally
from heartbeat_cli.monitors._log_trimmed import trimmed
from heartbeat_cli.system.foreign_file import Spot

_AT_FIRST = 2  # checks that a file counts as missing for after the first one without it
_REST = 86_400.0  # seconds for which a place is kept after the last line of a file that has lost its name or is gone
_MOST_OPEN = 100  # rotated files that are open at the same time; of each name one may be, all the same
_SLACK = 1.0  # seconds by which compression may round the time of a file


class Followed(Record):
    """`state` for the next check; `behind`: bytes that have not been read yet; and names of files with lines that may
    be missing, by what has become of them: `lost` cannot be read, `vanished` are not found any more, with lines in them
    that have not been read, the last lines of `moved` before they were moved away are not known, and of `many` more
    were rotated than are read in one check, and there may be others of which only `unexplained` were found."""

    state: State
    behind: int = 0
    lost: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    many: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()


class _Log(Record):
    """One name of a file that is followed, its places, the folders of its rotated files, and the name of which it may
    be a rotated one itself."""

    name: str
    own: Named
    places: Sequence[Place]
    spots: Sequence[Spot]
    first: str | None


def follow(path: str, before: State | None, key: str, now: float, tally: Tally, olddir: str | None = None) -> Followed:
    """Read on in the files of an absolute path, or of a glob in its last part. `olddir` is the folder that rotation
    moves them to, where it is another one, also as a path from their own. Raises Unobservable where one must not or
    cannot be read."""
    try:
        with ExitStack() as stack:
            return _Files(stack, before, now, tally, olddir).follow(path, key)
    except OSError as error:
        why = (
            error.strerror if isinstance(error.strerror, Text) else system_words((error.strerror or str(error)).lower())
        )
        place = error.filename if str(error.filename).startswith("/") else path
        raise Unobservable(Text("cannot read {path}: {why}", path=one_line(str(place)), why=why)) from None


class _Files:
    def __init__(self, stack: ExitStack, before: State | None, now: float, tally: Tally, olddir: str | None) -> None:
        self._stack, self._before, self._now, self._tally, self._olddir = stack, before, now, tally, olddir
        self._places = before.places if before else ()
        self._room = _MOST_OPEN
        self._resting: list[Place] = []
        self._lost: list[str] = []
        self._vanished: list[str] = []
        self._moved: list[str] = []
        self._many: list[str] = []
        self._unexplained: list[str] = []

    def follow(self, path: str, key: str) -> Followed:
        files = named(path, self._places, self._stack, self._tally.deadline)
        missing = not any(one.content for one in files.values())
        # One that is missing at the first check is not about to be rotated.
        count = (self._before.missing + 1 if self._before else _AT_FIRST) if missing else 0
        if not files and self._before is not None:  # not even its folder: it may come back as it was
            return self._without_folder(self._before, count)
        self._places = own_places(path, self._places, [one.spot.name for one in files.values()])
        bases = {*files, *(one.name for one in self._places), *(one.spot.name for one in files.values())}
        self._folders = Folders(self._before, self._now, bases)
        if self._before is None:
            for one in files.values():
                self._folders.note(self._spots(path, one.spot, ()))
            ends = [end(name, one.spot, one.content) for name, one in files.items() if one.content]
            places = tuple(one for one in ends if one is not None)
            return Followed(State(key, self._now, places, count, known=self._folders.known(places)))
        done = list(self._read_all(list(self._to_read(path, files))))
        behind = sum(left for _, left in done)
        waiting = self._before.behind + 1 if behind else 0
        followed = [*(place for place, _ in done), *self._resting]
        followed += self._names_without({*files, *(one.name for one in followed)})
        places, cut = chosen([one for one in followed if self._is_kept(one)])
        state = State(key, self._now, places, count, waiting, self._folders.known(places))
        gaps = self._lost, self._vanished, self._moved, [*self._many, *cut], self._unexplained
        return Followed(state, behind, *map(tuple, gaps))

    def _without_folder(self, before: State, count: int) -> Followed:
        gone = [one.name for one in before.places if one.is_unread and one.unfound is None]
        places = tuple(one._replace(unfound=one.unfound or self._now) for one in before.places)
        state = before._replace(at=self._now, missing=count, places=places)
        return Followed(state, vanished=tuple(dict.fromkeys(gone)))

    def _names_without(self, names: set[str]) -> list[Place]:
        """Places without a file for names that a glob means, but none of `names`: the next file of that name may be
        rotated before it is seen. A rotated file has a name of its own only once."""
        since = sorted((_since(one) or self._now, one.name) for one in self._places if one.name not in names)
        away = {name: at for at, name in since}  # the last time of each
        rotated = rotated_from([*names, *away])
        kept = [(name, at) for name, at in away.items() if name not in rotated]
        return [unread(name, 0)._replace(unfound=at, mtime=self._now) for name, at in kept]

    def _is_kept(self, place: Place) -> bool:
        since = _since(place)
        return since is None or (place.is_unread and place.unfound is None) or self._now - since < _REST

    def _to_read(self, path: str, files: dict[str, Named]) -> Iterator[Found]:
        """Every file with the place from which on it is to be read, the older ones of a name first."""
        logs = self._logs(path, files)
        starts = _standing(files, self._places)
        for one in logs:
            self._leave_copied(one, starts)
        standing = set(starts)
        new = {one.content.identity[:2] for one in files.values() if one.content} - standing
        # All places first: a file that holds one of another name is none to be read from its beginning.
        searches = [self._found(one, starts, standing, new) for one in logs]
        held = frozenset(standing)
        for one, search in zip(logs, searches, strict=True):
            name, (spot, content) = one.name, one.own
            start = None
            if search:
                place = starts.get(content.identity[:2]) if content else None
                yield from search.files(held, max(1, self._room), has_fresh=not _is_same(one, place))
                start = self._trimmed(search.unfound, content)
                self._note(search, one)
            if content:
                start = start or starts.get(content.identity[:2]) or self._beginning(one, content, files, standing)
                yield Found(start._replace(name=name, left=None, folder=spot.shown), content, name)

    def _found(
        self,
        log: _Log,
        starts: dict[tuple[int, int], Place],
        standing: set[tuple[int, int]],
        new: set[tuple[int, int]],
    ) -> Search | None:
        """The search for the places of a log that do not stand, done; None where rotation is not to be thought of.
        Places in files of `new` are added to `starts`."""
        gone = [place for place in log.places if not any(place is other for other in starts.values())]
        content = log.own.content
        if not gone and _is_same(log, starts.get(content.identity[:2]) if content else None):
            self._folders.note(log.spots)
            return None
        search = self._search(log, standing, new)
        search.find(gone)
        starts.update(search.named_starts)
        return search

    def _logs(self, path: str, files: dict[str, Named]) -> list[_Log]:
        """All names of files, those that may be rotated ones of another one last."""
        names = list(dict.fromkeys([*(one.name for one in self._places), *files]))
        first = rotated_from(names)
        found = []
        for name in sorted(names, key=lambda name: name in first):
            own = files.get(name) or Named(next(iter(files.values())).spot._replace(name=name), None)
            places = [one for one in self._places if one.name == name]
            found.append(_Log(name, own, places, self._spots(path, own.spot, places), first.get(name)))
        return found

    def _leave_copied(self, log: _Log, standing: dict[tuple[int, int], Place]) -> None:
        """Take the place of a file out of those that stand when the file was copied, truncated, and begins again with
        the same bytes."""
        content = log.own.content
        place = standing.get(content.identity[:2]) if content else None
        if content and place and place.mark > 0 and (content.size, content.identity.mtime) != (place.mark, place.mtime):
            try:
                if self._search(log, set(standing), set()).goes_on_elsewhere(content, place):
                    del standing[content.identity[:2]]
            except OSError as error:  # the folder holds too many names
                if not can_be_skipped(error):
                    raise

    def _search(self, log: _Log, standing: set[tuple[int, int]], new: set[tuple[int, int]]) -> Search:
        limits = self._now, self._tally.deadline, self._keep
        return Search(self._folders, log.spots, log.own.spot.name, log.first, standing, new, *limits)

    def _spots(self, path: str, spot: Spot, mine: Sequence[Place]) -> list[Spot]:
        return spots(path, self._olddir, spot, mine, self._folders.since, self._stack)

    def _keep(self, content: Content) -> None:
        self._room -= 1
        self._stack.callback(content.close)

    def _beginning(self, log: _Log, content: Content, files: dict[str, Named], taken: set[tuple[int, int]]) -> Place:
        """The place in a file that is new. One that a glob means, and that is a rotated file or a copy of another one,
        holds nothing that has not been read there."""
        others = [one.content for one in files.values() if one.content and one.content is not content]
        file = seen(log.own.spot, log.own.spot.name)
        if log.first and file and not any(may_be(content, one) for one in log.places):
            is_read = any(form.key in taken for form in self._folders.forms(file))
            if is_read or not self._folders.is_fresh(file) or any(_is_copy(content, one) for one in others):
                return end(log.name, log.own.spot, content) or unread(log.name, content.identity.inode)
        return unread(log.name, content.identity.inode)

    def _trimmed(self, unfound: list[Place], content: Content | None) -> Place | None:
        """Where to read on in a file whose beginning has been cut off."""
        for place in unfound:
            if content and place.left is None and place.mark > 0:
                start = trimmed(content, place, self._tally.deadline)
                if start is not None:
                    unfound.remove(place)
                    return start
        return None

    def _note(self, search: Search, log: _Log) -> None:
        """Note what a search has brought, and the places that are found nowhere."""
        content = log.own.content
        self._resting += search.resting
        self._lost += search.lost
        self._unexplained += search.unexplained
        self._many += [log.name] if search.is_too_many else []
        for place in search.unfound:
            packed = search.unreadable(place)
            if place.is_unread:
                if place.unfound is None:  # it is said once
                    (self._lost if packed else self._vanished).append(packed.name if packed else place.name)
            elif packed:
                if packed.mtime > place.mtime + _SLACK and packed.name not in self._lost:
                    self._lost.append(packed.name)
            elif place.mark == 0 and (place.generation is None or search.has_others()):
                if place.inode or content:
                    continue  # an empty one may be one of those, filled
            elif content and place.left is None and not log.first and not search.lost:
                self._moved += [] if may_be(content, place) else [place.name]
            if content is None and not packed:  # its file system may be away for a moment, or a new file be to come
                self._resting.append(place._replace(unfound=place.unfound or self._now))

    def _read_all(self, found: list[Found]) -> Iterator[tuple[Place, int]]:
        """Read each, with an equal share of what may be read; the places after that, and how many bytes are left."""
        for number, (place, content, name) in enumerate(found):
            share = self._tally.left // (len(found) - number)
            try:
                after, left = read(place, content, share, self._tally, self._now)
            except OSError:
                if not content.final:
                    raise
                self._lost.append(name)  # compressed, and damaged or too long
                continue
            if left or not content.final:
                yield after, left


def _since(place: Place) -> float | None:
    """Since when the place is without its name or its file."""
    return place.left if place.unfound is None else place.unfound


def _standing(files: dict[str, Named], places: Sequence[Place]) -> dict[tuple[int, int], Place]:
    """The places in the files that have the names of the path, by file."""
    found: dict[tuple[int, int], Place] = {}
    for name, (_, content) in files.items():
        if content:
            fitting = [one for one in places if one not in found.values() and _stands(content, one)]
            fitting.sort(key=lambda place: (not is_sure(content, place), place.name != name))
            if fitting:
                found[content.identity[:2]] = fitting[0]
    return found


def _stands(content: Content, place: Place) -> bool:
    """Whether the place is one in the content."""
    return may_be(content, place) and has(content, place)


def _is_same(log: _Log, place: Place | None) -> bool:
    """Whether the log is still the file of its place, in which no rotation is to be thought of: an empty file does not
    show that it was filled, copied and truncated."""
    content = log.own.content
    if content is None or place is None or place.name != log.name or place.left is not None:
        return False
    return place.mark > 0 or (content.size == 0 and content.identity.mtime == place.mtime)


def _is_copy(content: Content, other: Content) -> bool:
    """Whether it holds the beginning of the other one, and nothing else."""
    size = content.size
    return 0 < size <= other.size and content.window(size) == other.window(size)
