"""What is wrong with a file or with one row of it, in words that staff read."""


class FileRefused(Exception):
    """The file cannot be read at all, or not any further."""


class RowRefused(Exception):
    """This row cannot be brought in; the others can.

    `unquoted` says it without what stands in the row: for a terminal and a log, where no address belongs.
    """

    def __init__(self, words: str, *, unquoted: str = "") -> None:
        super().__init__(words)
        self.unquoted = unquoted or words
