"""References that are read aloud on the phone, like R-7K3M-9Q."""

import re
import secrets

# No vowels, so that they spell nothing, and of letters and digits that look or sound alike only one.
SIGNS = "23456789CDFGHJKMPQRTWXY"
WRITTEN = re.compile(rf"R?[-\s]*([{SIGNS}]{{4}})[-\s]*([{SIGNS}]{{2}})", re.IGNORECASE)


def new_reference() -> str:
    """One of 148 million. It names a request; it opens none."""
    signs = "".join(secrets.choice(SIGNS) for _sign in range(6))
    return f"R-{signs[:4]}-{signs[4:]}"


def as_written(typed: str) -> str:
    """The reference that somebody means by `7k3m9q` or `R 7K3M 9Q`; "" when it is none."""
    found = WRITTEN.fullmatch(typed.strip())
    return f"R-{found[1]}-{found[2]}".upper() if found else ""
