"""Files on Windows: opened without disturbing the program that writes them, and checked for such a program.

Windows refuses to open a file where another program does not share it (a sharing violation). A reader that does not share deletion
keeps the other program from renaming or deleting its own file, so files are opened here with all sharing. A handle that
does not share writing is refused while any program has the file open for writing: that is the sign of a writer, and it is requested and
closed at once, when a file seems complete. On other systems these functions do what :mod:`os` does.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import PureWindowsPath

from raman_edge.atomic_write import SHARE, VERBATIM, VERBATIM_SHARE, system_path

SHARING_VIOLATIONS = frozenset((32, 33))
"""ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION"""
DRIVE_REMOTE = 4
READ, ALL_SHARED, NO_WRITE_SHARED = 0x80000000, 7, 5
EXISTING, REPARSE_POINT = 3, 0x00200000


def is_in_use(error: OSError) -> bool:
    """Whether another program has the file open and does not share it now."""
    return getattr(error, "winerror", None) in SHARING_VIOLATIONS


def is_remote(path: str) -> bool:
    """Whether a Windows path is on a share of another machine: a UNC path, or a drive letter that stands for one."""
    drive = PureWindowsPath(path.replace(VERBATIM_SHARE, SHARE).removeprefix(VERBATIM)).drive
    if drive.startswith(SHARE):
        return True
    return sys.platform == "win32" and bool(drive) and ctypes.WinDLL("kernel32").GetDriveTypeW(f"{drive}\\") == DRIVE_REMOTE


if sys.platform == "win32":
    import msvcrt
    from ctypes import wintypes

    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _create = _kernel32.CreateFileW
    _create.restype = wintypes.HANDLE
    _create.argtypes = (
        *(wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, wintypes.LPVOID, wintypes.DWORD, wintypes.DWORD, wintypes.HANDLE),
    )
    _kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)
    INVALID = wintypes.HANDLE(-1).value

    def _handle(path: str, sharing: int) -> int:
        handle = _create(system_path(path), READ, sharing, None, EXISTING, REPARSE_POINT, None)
        if handle in (None, INVALID):
            error = ctypes.WinError(ctypes.get_last_error())
            error.filename = path
            raise error
        return int(handle)

    def _close(handle: int) -> None:
        _kernel32.CloseHandle(handle)

    def open_to_read(path: str) -> int:
        """Open a file with all sharing and return its descriptor; a symbolic link is not followed."""
        return msvcrt.open_osfhandle(_handle(path, ALL_SHARED), os.O_RDONLY | os.O_BINARY)

    def has_writer(path: str) -> bool | None:
        """Whether a program has the file open for writing; None where it cannot be opened at all."""
        try:
            _close(_handle(path, NO_WRITE_SHARED))
        except OSError as error:
            return True if is_in_use(error) else None
        return False
else:

    def open_to_read(path: str) -> int:
        """Open a file and return its descriptor; a symbolic link is not followed, a pipe not waited for."""
        return os.open(system_path(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)

    def has_writer(path: str) -> bool | None:  # noqa: ARG001 - only Windows shows it so
        """Return None: unknown."""
        return None
