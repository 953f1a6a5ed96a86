from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django_tasks_db.models import DBTaskResult

from clinic.models import User

# Groups are registered by Django's own admin.
admin.site.register(User, UserAdmin)

# Tasks only wake the worker: what staff need to see of letters and pictures stands with these.
admin.site.unregister(DBTaskResult)
