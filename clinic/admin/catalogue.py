from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clinic.admin.files import FilesAdmin
from clinic.admin.rich_text import RichTextAdmin
from clinic.models import Offer, Testimonial, Treatment, TreatmentCategory


@admin.register(TreatmentCategory)
class TreatmentCategoryAdmin(admin.ModelAdmin):
    fields = ["name", "slug", "summary", "position"]
    prepopulated_fields = {"slug": ["name"]}
    list_display = ["name", "position"]
    list_editable = ["position"]
    search_fields = ["name"]


@admin.register(Treatment)
class TreatmentAdmin(RichTextAdmin):
    fieldsets = [
        (None, {"fields": ["name", "slug", "category", "is_published", "position"]}),
        (_("What patients read"), {"fields": ["summary", "body", "picture"]}),
        (
            _("Facts"),
            {
                "fields": [
                    ("price_from", "currency", "price_as_of"),
                    "duration_minutes",
                    "downtime",
                    "results_last",
                    "performed_by",
                ]
            },
        ),
    ]
    prepopulated_fields = {"slug": ["name"]}
    autocomplete_fields = ["category", "picture"]
    filter_horizontal = ["performed_by"]
    list_display = ["name", "category", "price_from", "duration_minutes", "is_published"]
    list_filter = ["category", "is_published"]
    list_select_related = ["category"]
    search_fields = ["name", "summary"]


@admin.register(Offer)
class OfferAdmin(admin.ModelAdmin):
    fieldsets = [
        (None, {"fields": ["title", "slug", "summary", "picture"]}),
        (_("Terms"), {"fields": ["terms", ("price", "currency"), "treatments"]}),
        (_("When"), {"fields": ["starts_at", "ends_at"]}),
    ]
    prepopulated_fields = {"slug": ["title"]}
    autocomplete_fields = ["picture"]
    filter_horizontal = ["treatments"]
    list_display = ["title", "starts_at", "ends_at", "is_on_the_site"]
    search_fields = ["title", "summary"]
    date_hierarchy = "ends_at"

    @admin.display(description=_("on the site"), boolean=True)
    def is_on_the_site(self, offer: Offer) -> bool:
        return offer.starts_at <= timezone.now() < offer.ends_at


@admin.register(Testimonial)
class TestimonialAdmin(FilesAdmin):
    fieldsets = [
        (None, {"fields": ["attribution", "quote", "treatment", "by_physician", "is_published", "position"]}),
        (_("Film"), {"fields": ["video", "poster", "captions", "transcript"]}),
    ]
    autocomplete_fields = ["treatment", "poster"]
    list_display = ["attribution", "treatment", "by_physician", "is_published"]
    list_filter = ["is_published", "by_physician"]
    list_select_related = ["treatment"]
    search_fields = ["attribution", "quote"]
