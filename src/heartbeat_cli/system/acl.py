"""Who may write what a group may write: its members, and those whom an access control list names
(https://man7.org/linux/man-pages/man5/acl.5.html)."""

import errno
import os


def has_acl(handle: int) -> bool:
    """Whether an access control list names further users or groups; what it allows them shows as the group's rights."""
    try:
        return bool(os.getxattr(f"/proc/self/fd/{handle}", "system.posix_acl_access"))
    except AttributeError:  # no Linux
        return False
    except OSError as error:
        return error.errno not in (errno.ENODATA, errno.ENOTSUP)


def is_private(group: int) -> bool:
    """Whether nobody but this user is in a group: many systems give each user a group, and what is made is writable for
    it; Kubernetes' fsGroup is one. Not for root, whose group has others in it on some systems."""
    if os.geteuid() == 0 or group != os.getegid():
        return False
    import grp
    import pwd

    me = {one.pw_name for one in pwd.getpwall() if one.pw_uid == os.geteuid()}
    if any(one.pw_gid == group and one.pw_name not in me for one in pwd.getpwall()):
        return False
    try:
        return set(grp.getgrgid(group).gr_mem) <= me
    except KeyError:
        return True
