from typing import Any

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def _make_groups(**kwargs: Any) -> None:
    # Models are ready only now; Django makes the permissions after migrating, so groups follow it.
    from clinic.groups import make_groups

    make_groups()


class ClinicConfig(AppConfig):
    name = "clinic"
    verbose_name = _("The practice")

    def ready(self) -> None:
        # It is sent once for each app; with the last one all permissions are there.
        last = [app for app in apps.get_app_configs() if app.models_module][-1]
        post_migrate.connect(_make_groups, sender=last, dispatch_uid="clinic.make_groups")


class ClinicAdminConfig(AdminConfig):
    default_site = "clinic.admin_site.ClinicAdminSite"
