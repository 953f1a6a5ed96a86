"""What no log line may hold: the tokens of mailed links, and the values of a row that the database refused."""

import logging
import re

TOKEN = re.compile(r"(?<=/)[A-Za-z0-9_-]{24,}(?![A-Za-z0-9_-])")
# PostgreSQL's DETAIL quotes the whole row: a name beside a treatment.
ROW = re.compile(r"^(DETAIL|CONTEXT):.*$", re.MULTILINE)


class LineFormatter(logging.Formatter):
    """One line a record, and a traceback without values."""

    def format(self, record: logging.LogRecord) -> str:
        return TOKEN.sub("[token]", ROW.sub(r"\1: [left out]", super().format(record)))
