from django.urls import path

from clinic.views import health, machines, practice

app_name = "clinic"
urlpatterns = [
    path("", practice.home, name="home"),
    path("treatments/", practice.treatments, name="treatments"),
    path("treatments/<slug:slug>/", practice.treatment, name="treatment"),
    path("team/", practice.team, name="team"),
    path("team/<slug:slug>/", practice.provider, name="provider"),
    path("locations/", practice.location_list, name="locations"),
    path("locations/<slug:slug>/", practice.location, name="location"),
    path("offers/", practice.offers, name="offers"),
    path("policies/<slug:slug>/", practice.policy, name="policy"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("robots.txt", machines.robots, name="robots"),
    path(".well-known/security.txt", machines.security_txt, name="security-txt"),
]
