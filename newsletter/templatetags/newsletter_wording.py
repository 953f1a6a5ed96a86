from django import template

from newsletter import wording

register = template.Library()


@register.simple_tag
def sign_up_words() -> wording.Words:
    """What stands beside every sign-up form, word for word what is stored as evidence: `.text` and `.version`."""
    return wording.SIGN_UP.newest


@register.simple_tag
def choice_words() -> wording.Words:
    """What stands below the choice of topics."""
    return wording.CHOICE.newest
