"""Run the edge on aarch64 under emulation: ``make test-arm``.

Debian's arm64 packages of Python, unpacked into a folder, aarch64 wheels, and qemu's user mode. With arguments, only pytest runs, with
these arguments.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import lane

if TYPE_CHECKING:
    from collections.abc import Sequence

HOME = lane.CACHE / "arm"
PACKAGES = ("libc6", "libgcc-s1", "libstdc++6", "libpython3.11-stdlib", "python3.11-minimal", "ca-certificates", "netbase")
NEEDS = (
    *("numpy==2.4.6", "onnxruntime==1.32.0"),
    *("msgspec", "rich", "pyserial", "protobuf", "platformdirs", "shtab", "cryptography"),
    *lane.TESTS,
)
PLATFORMS = tuple(f"manylinux_2_{minor}_aarch64" for minor in range(36, 16, -1)) + ("manylinux2014_aarch64",)
"""glibc 2.36 is that of the tree."""


def tree(folder: Path) -> None:
    """Unpack Debian's arm64 packages, with what they need, into ``folder``; the sources are those of this machine."""
    state = folder.with_name("apt")
    for part in ("lists/partial", "archives/partial"):
        (state / part).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    places = {"Dir::State": state, "Dir::State::status": state / "status", "Dir::Cache": state}
    settings = {"APT::Architecture": "arm64", "APT::Architectures": "arm64", "APT::Sandbox::User": "", **places}
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    for command in (["update"], ["install", "-y", "--no-install-recommends", "--download-only", *PACKAGES]):
        done = subprocess.run(["apt-get", "-qq", *options, *command], check=False, capture_output=True, text=True)
        if done.returncode:
            raise lane.Unavailable(f"apt-get: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    for package in sorted((state / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)


def main(arguments: Sequence[str]) -> int:
    """Make the lane where it is not there, run its steps and return the exit code."""
    lane.need({"qemu-aarch64-static": "qemu-user-static", "apt-get": "apt", "dpkg-deb": "dpkg"})
    root = lane.cached(HOME / "tree", " ".join(PACKAGES), tree)
    site = lane.wheels(HOME / "site", NEEDS, PLATFORMS)
    app = lane.project(HOME / "app")
    run = lane.Lane("arm", {"PATH": "/usr/bin:/bin", "HOME": str(HOME), "PYTHONPATH": f"{app}:{site}", "LC_ALL": "C.UTF-8"})
    interpreter = ["qemu-aarch64-static", "-L", root, root / "usr" / "bin" / "python3.11"]
    if arguments:
        print(run.run([*interpreter, *arguments], cwd=lane.ROOT, limit_s=590))
        return 0
    return run.end()


if __name__ == "__main__":
    lane.main(main, "arm")
