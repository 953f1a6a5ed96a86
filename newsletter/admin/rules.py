from django.conf import settings
from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from clinic.admin.one_row import OneRowAdmin
from clinic.models import Practice
from newsletter.emails import letters
from newsletter.forms.rules import RulesForm
from newsletter.models import MailingRules


@admin.register(MailingRules)
class MailingRulesAdmin(OneRowAdmin):
    """While there is none the defaults hold."""

    form = RulesForm
    readonly_fields = ["welcome_as_sent"]
    empty_words = _("No rules of your own yet: the defaults hold.")

    fieldsets = [
        (_("Who writes"), {"fields": ["sender_name", "reply_to", "dkim_selector"]}),
        (_("How fast, and when to stop"), {"fields": ["rate_per_minute", "breaker_percent", "breaker_least"]}),
        (_("Welcome letter"), {"fields": ["welcome_is_sent", "welcome_subject", "welcome_text", "welcome_as_sent"]}),
    ]

    @admin.display(description=_("as it is sent"))
    def welcome_as_sent(self, rules: MailingRules) -> SafeString | str:
        """What is saved, as plain text: it has no other form."""
        practice = Practice.objects.first()
        if not (practice and practice.has_postal_address):
            return gettext("It is not sent: the practice has no street and city, and the law wants them in it.")
        if not rules.welcome_text:
            return gettext("Nothing is saved yet.")
        subject, text = letters.welcome_shown(rules, practice, language=settings.LANGUAGE_CODE)
        return format_html('<p><b>{}</b></p><div class="note">{}</div>', subject, text)
