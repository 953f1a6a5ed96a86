"""Quoted-printable (RFC 2045 section 6.7) in pieces that can be joined: each begins on a line of its own."""

import re

LONGEST_LINE = 76
SOFT_BREAK = b"=\r\n"
# Most names and every token: nothing to encode, and they fit on one line with the soft break.
SIMPLE = re.compile(r"(?!From )[A-Za-z0-9_-][A-Za-z0-9_ -]{0,74}")
LITERAL = frozenset(range(33, 127)) - {ord("=")}
WRITTEN = [bytes([byte]) if byte in LITERAL or byte in b" \t" else b"=%02X" % byte for byte in range(256)]


def encoded(text: str) -> bytes:
    """The text with CRLF for each line feed. What does not end in one ends inside of a line."""
    return b"\r\n".join(_line(line.encode()) for line in re.split(r"\r\n|\r|\n", text))


def encoded_piece(text: str) -> bytes:
    """The same, but what comes next begins on a new line, which decoding takes away again."""
    piece = encoded(text)
    return piece + SOFT_BREAK if piece and not piece.endswith(b"\r\n") else piece


def encoded_value(value: str) -> bytes:
    """As `encoded_piece`, quick for what is short and plain."""
    return value.encode() + SOFT_BREAK if SIMPLE.fullmatch(value) else encoded_piece(value)


def _line(line: bytes) -> bytes:
    """One line of the text, in as many of at most 76 characters as it takes."""
    lines: list[bytes] = []
    written: list[bytes] = []
    length = 0
    for place, byte in enumerate(line):
        token = WRITTEN[byte]
        if place == len(line) - 1 and byte in b" \t":
            # Servers may drop blanks at the end of a line.
            token = b"=%02X" % byte
        if length + len(token) >= LONGEST_LINE:
            lines.append(b"".join(written))
            written, length = [], 0
        if not written and (token == b"." or line.startswith(b"From ", place)):
            # A dot ends the letter for a server that forgets to double it; "From " gets a ">" in some mailboxes.
            token = b"=%02X" % byte
        written.append(token)
        length += len(token)
    return SOFT_BREAK.join([*lines, b"".join(written)])
