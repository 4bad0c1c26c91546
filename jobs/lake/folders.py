"""Folders on any file system that Arrow reads."""

from __future__ import annotations

import re

from pyarrow import fs

from jobs.errors import UsageError


def open_folder(landing: str, what: str = "landing", option: str = "--landing") -> tuple[fs.FileSystem, str]:
    """The landing folder, or another, as Arrow reaches it; UsageError where it is not there."""
    landing = landing.removeprefix("file://").rstrip("/")
    remote = "://" in landing
    try:  # Hadoop's s3a is everybody else's s3
        system, root = (
            fs.FileSystem.from_uri(re.sub("^s3a:", "s3:", landing)) if remote else (fs.LocalFileSystem(), landing)
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"expected the {what} folder {landing} to be readable, found: {error}") from None
    if system.get_file_info(root).type != fs.FileType.Directory:
        raise UsageError(f"expected the {what} folder {landing}, found nothing there; give {option} DIR")
    return system, root
