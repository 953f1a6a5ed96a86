from django import forms
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper


def without_add_links(form: type[forms.ModelForm]) -> type[forms.ModelForm]:
    """The same form class without the marks for adding what its lists hold: that has pages of its own."""
    for field in form.base_fields.values():
        if isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
    return form
