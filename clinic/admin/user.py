from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from clinic.models import User

# Groups are registered by Django's own admin.
admin.site.register(User, UserAdmin)
