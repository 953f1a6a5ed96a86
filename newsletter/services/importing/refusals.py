"""What is wrong with a file or with one row of it, in words that staff read."""


class FileRefused(Exception):
    """The file cannot be read at all, or not any further."""


class RowRefused(Exception):
    """This row cannot be brought in; the others can."""
