from django.urls import path

from newsletter.views import signing_up

app_name = "newsletter"
urlpatterns = [
    path("", signing_up.signup, name="signup"),
    path("sent/", signing_up.sent, name="sent"),
    path("confirm/<str:token>/", signing_up.confirm, name="confirm"),
    path("unsubscribe/<str:token>/", signing_up.unsubscribe, name="unsubscribe"),
]
