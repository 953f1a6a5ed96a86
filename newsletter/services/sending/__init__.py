from newsletter.services.sending.mailer import Mailer
from newsletter.services.sending.post import Answer, NotReached, Post

__all__ = ["Answer", "Mailer", "NotReached", "Post"]
