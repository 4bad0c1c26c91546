"""`python -m local.warm`: once, an archive of the classes that Spark loads, so that a JVM starts in half the time.

Spark loads some fifteen thousand classes, and a night starts eleven JVMs. The archive (class data sharing, JDK 13 and
later) is written by one real `collect` of a few rows, at its exit. A JVM that it does not fit goes on without it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from local import demo, jars, java
from local.places import BIN, JARS, ROOT, TOOLS, ends_in_one_line, out

# Said by everyone who starts Spark here; the archive fits only the same garbage collector.
LAUNCHER = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
QUIET = "-Xlog:cds=off -Xlog:cds+dynamic=off"
DAY = "2017-01-01"


def archive(java_home: Path) -> Path:
    """The file for this Java, this Spark and this place: the archive knows its classes by path."""
    key = f"{java_home.resolve()} {java.full_version(java_home)} {version('pyspark')} {jars.DELTA} {BIN}"
    return TOOLS / f"spark-{sha256(key.encode()).hexdigest()[:12]}.jsa"


def ensure(java_home: Path) -> Path | None:
    """Write the archive where it is missing; None, and one line, where that fails: it only costs time."""
    target = archive(java_home)
    if target.exists():
        return target
    out.print("Spark: archiving its classes once, for quicker starts ...")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        half = Path(scratch) / "spark.jsa"
        said = _collect(java_home, Path(scratch), half)
        if not half.exists():
            out.print(f"Spark: no archive, jobs start slower ({said})", markup=False)
            return None
        half.replace(target)
    for old in set(TOOLS.glob("spark-*.jsa")) - {target}:
        old.unlink()
    out.print(f"Spark: archive of {target.stat().st_size / 1e6:.0f} MB, {time.monotonic() - started:.0f} s")
    return target


def _collect(java_home: Path, scratch: Path, target: Path) -> str:
    demo.land(scratch / "landing", until=DAY, users=300, quiet=True)
    here = [str(path) for path in sorted(JARS.glob("*.jar"))]
    line = [BIN / "spark-submit", "--master", "local[*]", "--jars", ",".join(here)]
    line += ["--driver-class-path", ":".join(here)]
    line += ["--conf", f"spark.driver.extraJavaOptions={LAUNCHER} {QUIET} -XX:ArchiveClassesAtExit={target}"]
    line += [ROOT / "jobs" / "__main__.py", "collect", "--ds", DAY, "--source", "complete_journey"]
    line += ["--landing", scratch / "landing", "--warehouse", scratch / "warehouse"]
    env = os.environ | {
        "JAVA_HOME": str(java_home),
        "PYSPARK_PYTHON": str(BIN / "python"),
        "PYTHONPATH": str(ROOT),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    try:
        done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return "it took more than ten minutes"
    return ["", *(done.stdout + done.stderr).strip().splitlines()][-1]


def main() -> None:
    jars.ensure()
    print(ensure(java.find()))


if __name__ == "__main__":
    ends_in_one_line(main)
