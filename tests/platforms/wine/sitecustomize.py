"""Run by the Windows Python of the lane at its start: ask Linux for the matrix registers that onnxruntime uses, and add a missing function.

On a processor with AMX, onnxruntime for Windows uses it without asking, as Windows permits. Linux permits it to a process that has
asked (arch_prctl(2), ARCH_REQ_XCOMP_PERM), which Wine 8 does not: without this, int8 products end with an illegal instruction.
"""

import ctypes
from typing import Any

ASK = bytes.fromhex("57 56 b89e000000 bf23100000 be12000000 0f05 5e 5f c3")
"""push rdi; push rsi; arch_prctl (158) of 0x1023, XTILEDATA (18); pop rsi; pop rdi; ret. It fails on other processors, to no effect."""
kernel32 = ctypes.WinDLL("kernel32")
kernel32.VirtualAlloc.restype = ctypes.c_void_p
kernel32.VirtualAlloc.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_uint32)
page = kernel32.VirtualAlloc(None, len(ASK), 0x3000, 0x40)
ctypes.memmove(page, ASK, len(ASK))
ctypes.CFUNCTYPE(ctypes.c_long)(page)()

find = ctypes.CDLL.__getattr__


def found(library: ctypes.CDLL, name: str) -> Any:
    """Return a function of a library; pyserial's list of ports imports one that Wine 8 lacks."""
    if name == "CM_MapCrToWin32Err":
        return ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)(lambda _, otherwise: otherwise)
    return find(library, name)


ctypes.CDLL.__getattr__ = found  # type: ignore[method-assign]
