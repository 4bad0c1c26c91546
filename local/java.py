"""`python -m local.java`: print the JAVA_HOME to use; fetch a JRE where the machine has none that Spark takes. With
`--here` nothing is fetched: exit 2 where there is none.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from local.places import TOOLS, SetupError, ends_in_one_line, err

OLDEST, NEWEST = 17, 21
INSTALL = "install Java 17 (Debian: apt install openjdk-17-jre-headless; macOS: brew install openjdk@17), set JAVA_HOME"


def major_version(text: str) -> int | None:
    """17 of `openjdk version "17.0.12"`, 8 of `java version "1.8.0_401"`, None of anything else."""
    version = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(version.group(1)) if version else None


def version_of(home: Path) -> int | None:
    """The major version of the Java under `home`; None where there is none that runs."""
    try:
        answer = subprocess.run([home / "bin" / "java", "-version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return major_version(answer.stderr + answer.stdout)


def homes() -> Iterator[Path]:
    """Where a Java may be, the person's own choice first."""
    if os.environ.get("JAVA_HOME"):
        yield Path(os.environ["JAVA_HOME"])
    if on_path := shutil.which("java"):
        yield Path(on_path).resolve().parent.parent
    yield from sorted(Path("/usr/lib/jvm").glob("*"))
    yield from sorted(Path("/Library/Java/JavaVirtualMachines").glob("*/Contents/Home"))
    yield from sorted(Path("/opt/homebrew/opt").glob("openjdk@*/libexec/openjdk.jdk/Contents/Home"))


def find(fetch: bool = True) -> Path:
    """The first Java of 17 to 21, else one fetched into .tools/; SetupError where neither is to be had."""
    seen = []
    for home in homes():
        version = version_of(home)
        if version and OLDEST <= version <= NEWEST:
            return home
        if version:
            seen.append(f"Java {version} in {home}")
    if not fetch:
        raise SetupError(f"expected Java {OLDEST} to {NEWEST}, found {', '.join(seen) or 'none'}: {INSTALL}")
    return _fetch(seen)


def _fetch(seen: list[str]) -> Path:
    import cjdk

    err.print(f"Java: none of {OLDEST} to {NEWEST} on this machine, fetching a JRE {OLDEST} into .tools/ ...")
    try:
        return cjdk.java_home(vendor="temurin-jre", version=str(OLDEST), cache_dir=TOOLS / "java")
    except Exception as error:  # cjdk lets its HTTP library's errors through
        found = ", ".join(seen) or "none"
        raise SetupError(
            f"expected Java {OLDEST} to {NEWEST}, found {found}, and fetching one failed ({error}): {INSTALL}"
        ) from None


def main() -> None:
    print(find(fetch="--here" not in sys.argv[1:]))


if __name__ == "__main__":
    ends_in_one_line(main)
