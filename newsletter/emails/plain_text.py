"""Rich text as a plain letter has it."""

import re
from html.parser import HTMLParser

WIDTH = 72
HEADINGS = frozenset({"h2", "h3", "h4"})
LISTS = frozenset({"ul", "ol"})
# What stands between the private characters is the mark of a merge field, and stays whole.
WORD = re.compile(r"(?:\ue000[^\ue001]*\ue001|[^ \t\r\f\v])+")


def text_of(html: str) -> str:
    """Paragraphs, lists and headings in lines of at most 72 characters; a link is its words, a colon, its address."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


def heading(words: str) -> str:
    """Underlined; empty for none."""
    lines = wrapped(" ".join(words.split()))
    return f"{lines}\n{'-' * max(map(len, lines.splitlines()))}" if lines else ""


def wrapped(text: str, *, first: str = "", rest: str = "") -> str:
    """Lines of at most 72 characters where spaces allow it: addresses stay whole. `first` begins the first line,
    `rest` each other."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = rest if lines else first
        is_begun = False
        for word in WORD.findall(paragraph):
            if is_begun and len(line) + 1 + len(word) > WIDTH:
                lines.append(line)
                line, is_begun = rest, False
            line += f" {word}" if is_begun else word
            is_begun = True
        lines.append(line.rstrip())
    return "\n".join(lines)


class _Reader(HTMLParser):
    """Reads what `clinic.rich_text.sanitise` leaves."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.done = ""
        self.ended_in_list = False
        self.words = ""
        self.link: tuple[str, int] = ("", 0)
        # What begins each line inside of the lists and quotations around, and the first line of a new item.
        self.indents: list[str] = []
        self.marker = ""
        # The last number of each numbered list around; None for one with bullets.
        self.numbers: list[int | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.words += "\n"
        elif tag == "a":
            self.link = (dict(attrs).get("href") or "", len(self.words))
        elif tag not in {"strong", "em"}:
            self._end_paragraph()
        if tag == "hr":
            self.words = "* * *"
            self._end_paragraph()
        elif tag in LISTS:
            self.numbers.append(0 if tag == "ol" else None)
        elif tag == "li":
            self._begin_item()
        elif tag == "blockquote":
            self.indents.append("> ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._end_link()
        elif tag in HEADINGS and not self.indents:
            self.words = heading(self.words)
        if tag not in {"a", "strong", "em", "br"}:
            self._end_paragraph()
        if tag in LISTS and self.numbers:
            self.numbers.pop()
            self.ended_in_list = bool(self.numbers)
        elif tag in {"li", "blockquote"} and self.indents:
            self.indents.pop()
            self.marker = ""

    def handle_data(self, data: str) -> None:
        self.words += re.sub(r"[ \t\r\n\f]+", " ", data)

    def text(self) -> str:
        self._end_paragraph()
        return self.done

    def _begin_item(self) -> None:
        number = self.numbers[-1] if self.numbers else None
        if number is not None:
            self.numbers[-1] = number = number + 1
        self.marker = "- " if number is None else f"{number}. "
        self.indents.append(" " * len(self.marker))

    def _end_link(self) -> None:
        href, start = self.link
        words = self.words[start:].strip()
        address = href.removeprefix("mailto:").removeprefix("tel:")
        if not words or not address or words == address:
            return
        if re.match(r"https?://", words) and href.startswith(words):
            # The address stands there already, but for what we have added to it.
            self.words = self.words[:start] + address
        else:
            self.words = f"{self.words.rstrip()}: {address}"

    def _end_paragraph(self) -> None:
        words, self.words, self.link = self.words.strip(), "", ("", 0)
        if not words:
            return
        rest = "".join(self.indents)
        first = "".join(self.indents[:-1]) + self.marker if self.marker else rest
        if self.done:
            self.done += "\n" if self.numbers and self.ended_in_list else "\n\n"
        self.done += wrapped(words, first=first, rest=rest)
        self.marker, self.ended_in_list = "", bool(self.numbers)
