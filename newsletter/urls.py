from django.urls import path
from django.views.decorators.http import require_safe

from newsletter.feeds import ArchiveFeed
from newsletter.views import archive, events, own_link, own_page, signing_up

app_name = "newsletter"
urlpatterns = [
    path("", signing_up.signup, name="signup"),
    path("sent/", signing_up.sent, name="sent"),
    path("confirm/<str:token>/", signing_up.confirm, name="confirm"),
    path("link/", own_link.ask, name="own_link"),
    path("link/sent/", own_link.sent, name="own_link_sent"),
    path("preferences/<str:token>/", own_page.preferences, name="preferences"),
    path("unsubscribe/<str:token>/", own_page.unsubscribe, name="unsubscribe"),
    path("archive/", archive.archive, name="archive"),
    path("archive/feed/", require_safe(ArchiveFeed()), name="feed"),
    path("archive/<slug:slug>/", archive.edition, name="edition"),
    path("events/<slug:provider>/", events.take, name="events"),
]
