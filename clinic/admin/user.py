from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm, UserCreationForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_tasks_db.models import DBTaskResult

from clinic.models import User

WORDS = {
    "labels": {
        "is_active": _("Works here"),
        "is_staff": _("May sign in at the desk"),
        "is_superuser": _("Manager"),
        "groups": _("Groups"),
    },
    "help_texts": {
        "username": _("What they type to sign in: letters, digits and @ . + - _"),
        "is_active": _("Untick it when somebody leaves, instead of deleting them: what they wrote keeps their name."),
        "is_staff": "",
        "is_superuser": _("May do everything, also add colleagues."),
        "groups": _(
            "What they may see and do here. A manager needs none. To let a provider see their own appointments: "
            "add the group Provider here, and choose this account at the provider."
        ),
    },
}


class NewColleagueForm(UserCreationForm):
    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "first_name", "last_name", "email", "is_staff", "is_superuser", "groups")
        labels = WORDS["labels"]
        help_texts = WORDS["help_texts"]


class ColleagueForm(UserChangeForm):
    class Meta(UserChangeForm.Meta):
        model = User
        labels = WORDS["labels"]
        help_texts = WORDS["help_texts"]


@admin.register(User)
class ColleagueAdmin(UserAdmin):
    """Whoever has an account works here: a new one may sign in, and is put in a group on the first page."""

    add_form = NewColleagueForm
    add_form_template = None
    form = ColleagueForm
    add_fieldsets = (
        (None, {"fields": ("username", "password1", "password2")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("What they may do"), {"fields": ("is_staff", "groups", "is_superuser")}),
    )
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("What they may do"), {"fields": ("is_active", "is_staff", "groups", "is_superuser")}),
    )
    filter_horizontal = ("groups",)
    list_display = ("username", "first_name", "last_name", "group_names", "last_login", "is_active")
    list_filter = ("is_active", "groups")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"is_staff": True, **super().get_changeform_initial_data(request)}

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=_("groups"))
    def group_names(self, user: User) -> str:
        names = [_("manager")] if user.is_superuser else []
        return ", ".join(map(str, [*names, *user.groups.all()]))


# Tasks only wake the worker: what staff need to see of letters and pictures stands with these.
admin.site.unregister(DBTaskResult)
