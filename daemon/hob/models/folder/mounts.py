"""Which folders lie on a disk of another machine, whose changes nobody tells of."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

_NETWORK = frozenset(
    {
        "9p", "afs", "ceph", "cifs", "davfs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone",
        "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "prl_fs",
        "smb3", "smbfs", "vboxsf", "virtiofs", "webdav",
    }
)  # fmt: skip


def network_folders(folders: Iterable[str]) -> list[str]:
    """Those of `folders` that lie on a network file system, or one of a machine around this."""
    mounts = sorted(_mounts(), key=lambda mount: len(mount[0]), reverse=True)
    found = []
    for folder in folders:
        real = os.path.realpath(folder)
        kind = next((kind for at, kind in mounts if _is_under(real, at)), "")
        if kind in _NETWORK or (sys.platform == "win32" and real.startswith("\\\\")):
            found.append(folder)
    return found


def _mounts() -> list[tuple[str, str]]:
    import psutil

    try:
        return [(mount.mountpoint, mount.fstype) for mount in psutil.disk_partitions(all=True)]
    except (OSError, psutil.Error):
        return []


def _is_under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
