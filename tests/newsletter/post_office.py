"""In place of the line to the mail server: one that counts, answers as it is told, and at which a worker can die.

Only where the exact moment matters or a thousand turns are taken; all else is tested against a real SMTP server.
"""

from collections import deque

from newsletter.models import Delivery
from newsletter.services.sending import Answer, NotReached

State = Delivery.State


class Killed(BaseException):
    """The worker is dead at this point: nothing of ours catches it."""


class Office:
    """`answers` are used up in order, one for each letter, or a function that gives one; without one left it is 250.
    `accepted` says to whom.

    Beside the server's words there are "lost" (the line broke after the text), "away" (nobody took the call),
    "killed before" and "killed after" the server took it, and "lost after" (it took it and the line broke).
    """

    def __init__(self):
        self.accepted = []
        self.answers = deque()

    def line(self):
        return Line(self)

    def answer(self, to):
        answer = self.answers.popleft() if self.answers else "250 OK"
        return answer() if callable(answer) else answer

    def take(self, to, answer):
        if answer == "killed before":
            raise Killed
        if answer == "away":
            raise NotReached(answer)
        if answer.endswith("after") or answer.startswith("250"):
            self.accepted.append(to)
        if answer == "killed after":
            raise Killed
        return Answer(STATES.get(answer[0], State.UNCERTAIN), answer)


STATES = {"2": State.ACCEPTED, "4": State.RETRY, "5": State.FAILED}


class Line:
    """As `Post`."""

    def __init__(self, office):
        self._office = office

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        pass

    def open(self):
        pass

    def send(self, *, sender, to, message):
        return self._office.take(to, self._office.answer(to))
