"""The mail providers whose reports of what became of a letter can be taken in, and what each has of its own.

Sending goes over SMTP whoever it is (EMAIL_URL). Header fields that only the provider reads, and takes out again, tell
it two things: to leave opens and links alone, and a mark of ours that it gives back with every report.
"""

from dataclasses import dataclass
from enum import StrEnum


class Secret(StrEnum):
    """What MAIL_PROVIDER_SECRET holds: how a report shows that it is the provider's own."""

    SIGNING_KEY = "the key that the provider signs its requests with"
    SVIX_KEY = "the signing secret, which begins with whsec_"
    PASSWORD = "user:password, as in the address that the provider was given"  # noqa: S105 -- the words for one


@dataclass(frozen=True)
class MailProvider:
    secret: Secret
    # Name and value of the field with the mark, which takes the place of %s; nothing else in it is a %.
    mark: tuple[str, str]
    # Fields that forbid tracking. A provider without any has a switch in its own settings.
    untracked: tuple[tuple[str, str], ...] = ()


PROVIDERS = {
    "brevo": MailProvider(Secret.PASSWORD, ("X-Mailin-custom", '{"delivery": "%s"}')),
    "mailgun": MailProvider(
        Secret.SIGNING_KEY, ("X-Mailgun-Variables", '{"delivery": "%s"}'), (("X-Mailgun-Track", "no"),)
    ),
    "mailjet": MailProvider(
        Secret.PASSWORD,
        ("X-MJ-EventPayload", '{"delivery": "%s"}'),
        (("X-Mailjet-TrackOpen", "0"), ("X-Mailjet-TrackClick", "0")),
    ),
    "mailtrap": MailProvider(Secret.SIGNING_KEY, ("X-MT-Custom-Variables", '{"delivery": "%s"}')),
    "postmark": MailProvider(
        Secret.PASSWORD,
        ("X-PM-Metadata-delivery", "%s"),
        # KeepID: else it writes a Message-ID of its own over ours.
        (("X-PM-TrackOpens", "false"), ("X-PM-TrackLinks", "None"), ("X-PM-KeepID", "true")),
    ),
    "resend": MailProvider(Secret.SVIX_KEY, ("X-Metadata", '{"delivery": "%s"}')),
    # One field for both; its own list of who has left would put a second way out beside ours.
    "sendgrid": MailProvider(
        Secret.PASSWORD,
        (
            "X-SMTPAPI",
            '{"unique_args": {"delivery": "%s"}, "filters": {"opentrack": {"settings": {"enable": 0}}, '
            '"clicktrack": {"settings": {"enable": 0}}, "subscriptiontrack": {"settings": {"enable": 0}}}}',
        ),
    ),
    "sparkpost": MailProvider(
        Secret.PASSWORD,
        (
            "X-MSYS-API",
            '{"metadata": {"delivery": "%s"}, "options": {"open_tracking": false, "click_tracking": false}}',
        ),
    ),
}
