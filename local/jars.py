"""`python -m local.jars`: the jars that Spark lacks, resolved once by Spark's own Ivy into .tools/jars/."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from local import environment, java
from local.places import BIN, JARS, TOOLS, SetupError, ends_in_one_line, out

# A package, and which of the jars that Ivy brings; all the rest is in Spark's own jars folder already.
PACKAGES = {
    "io.delta:delta-spark_4.2_2.13:4.4.0": (
        "io.delta_delta-spark_4.2_2.13-4.4.0.jar",
        "io.delta_delta-storage-4.4.0.jar",
    ),
}
NEEDED = tuple(jar for jars in PACKAGES.values() for jar in jars)


def ensure() -> Path:
    """The folder with the jars; a second call finds them there."""
    if all((JARS / name).is_file() for name in NEEDED):
        return JARS
    out.print("jars: resolving once, into .tools/jars ...")
    started = time.monotonic()
    TOOLS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        jars, log = resolve(PACKAGES, Path(scratch))
        missing = [name for name in NEEDED if name not in jars]
        if missing:
            raise SetupError(
                f"expected {', '.join(missing)} from Maven, and Ivy did not bring it; is the network there? "
                f"(a mirror: HUAXIANG_MAVEN=https://...)\n{log}"
            )
        put([jars[name] for name in NEEDED], JARS)
    out.print(f"jars: there, {time.monotonic() - started:.0f} s")
    return JARS


def resolve(packages: Iterable[str], scratch: Path) -> tuple[dict[str, Path], str]:
    """Let spark-submit resolve for a script that does nothing: the jars that came, by name, and the end of its log."""
    script = scratch / "nothing.py"
    script.touch()
    line = [str(BIN / "spark-submit"), "--master", "local[1]", "--packages", ",".join(packages)]
    line += ["--conf", f"spark.jars.ivy={scratch / 'ivy'}"]
    if mirror := os.environ.get("HUAXIANG_MAVEN"):
        line += ["--repositories", mirror]
    env = environment.inherited() | {"JAVA_HOME": str(java.find()), "PYSPARK_PYTHON": str(BIN / "python")}
    try:
        done = subprocess.run([*line, str(script)], env=env, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        raise SetupError(
            f"expected {', '.join(packages)} within ten minutes, and they did not come; is the network there?"
        ) from None
    log = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("\tat ")]
    return {path.name: path for path in (scratch / "ivy" / "jars").glob("*.jar")}, "\n".join(log[-12:])


def put(jars: Iterable[Path], folder: Path) -> None:
    """Copy the jars into the folder, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for jar in jars:
        half = folder / f".{jar.name}.part"
        shutil.copyfile(jar, half)
        half.replace(folder / jar.name)


def main() -> None:
    print(ensure())


if __name__ == "__main__":
    ends_in_one_line(main)
