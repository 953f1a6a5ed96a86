import fcntl
import os
from pathlib import Path

from clinic.fonts import make_fonts


def fonts() -> Path:
    """The folder with the site's fonts, cut once for all processes of the tests: it takes a dozen seconds."""
    shared = Path(os.environ["VAR_FOLDER"]).parent
    with (shared / "fonts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_fonts(shared / "fonts")
    return shared / "fonts"
