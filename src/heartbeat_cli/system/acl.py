"""Access control lists: https://man7.org/linux/man-pages/man5/acl.5.html."""

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
