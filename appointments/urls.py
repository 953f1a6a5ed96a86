from django.urls import path

from appointments.views import book, find, held, manage, requests, reschedule, slots

app_name = "appointments"
urlpatterns = [
    path("request/", requests.request_appointment, name="request"),
    path("book/", book.book, name="book"),
    path("book/<slug:slug>/", book.book_visit, name="book_visit"),
    path("slots.json", slots.slots, name="slots"),
    path("held/<str:token>/", held.held, name="held"),
    path("held/<str:token>/check/", held.held_check, name="held_check"),
    path("held/<str:token>/extension/", held.held_extension, name="held_extension"),
    path("held/<str:token>/release/", held.held_release, name="held_release"),
    path("held/<str:token>/again/", held.held_again, name="held_again"),
    path("held/<str:token>/another/", held.held_another, name="held_another"),
    path("manage/<str:token>/", manage.manage, name="manage"),
    path("manage/<str:token>/reschedule/", reschedule.reschedule, name="reschedule"),
    path("manage/<str:token>/cancel/", manage.cancel, name="cancel"),
    path("manage/<str:token>/undo/", manage.manage_undo, name="manage_undo"),
    path("manage/<str:token>/coming/", manage.coming, name="coming"),
    path("manage/<str:token>/calendar.ics", manage.calendar, name="calendar"),
    path("find/", find.find_my_booking, name="find_booking"),
    path("requested/<str:token>/", requests.requested, name="requested"),
]
