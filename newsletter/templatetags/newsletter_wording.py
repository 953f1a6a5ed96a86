from django import template

from newsletter import wording

register = template.Library()


@register.simple_tag
def sign_up_words() -> wording.Words:
    """What stands beside every sign-up form, word for word what is stored as evidence: `.text` and `.version`."""
    return wording.SIGN_UP.newest
