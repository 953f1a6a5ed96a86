from django.urls import path

from appointments.views import requests

app_name = "appointments"
urlpatterns = [
    path("request/", requests.request_appointment, name="request"),
    path("requested/<str:token>/", requests.requested, name="requested"),
]
