"""The form pack: what a person sees, hears and can reach in every state of a form."""

from bs4 import BeautifulSoup, Tag
from crispy_forms.bootstrap import FormActions, InlineCheckboxes
from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Field, Fieldset, Hidden, Layout, Row, Submit
from crispy_forms.utils import render_crispy_form
from django import forms
from django.template import Context, Template

CHANNELS = [("email", "Email"), ("phone", "Phone")]
PARTS = [("morning", "Morning"), ("afternoon", "Afternoon"), ("evening", "Evening")]


class VisitForm(forms.Form):
    use_required_attribute = False

    name = forms.CharField(
        label="Full name",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Enter your full name"},
    )
    email = forms.EmailField(
        label="Email",
        help_text="We answer here.",
        error_messages={"invalid": "Enter an email address like ana@example.com"},
    )
    message = forms.CharField(label="Message", required=False, widget=forms.Textarea)
    treatment = forms.ChoiceField(label="Treatment", required=False, choices=[("", "Any"), ("peel", "Peel")])
    channel = forms.ChoiceField(
        label="How may we contact you?",
        help_text="Choose one.",
        choices=CHANNELS,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose how we may contact you"},
    )
    parts = forms.MultipleChoiceField(
        label="Times of day",
        choices=PARTS,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one time of day"},
    )
    letter = forms.FileField(label="A letter from your doctor", required=False)
    consent = forms.BooleanField(label="You may answer me.", error_messages={"required": "Tick the box"})
    token = forms.CharField(widget=forms.HiddenInput, error_messages={"required": "Load the page again"})
    website = forms.CharField(required=False)

    def clean(self):
        if self.data.get("name") == "Twice":
            raise forms.ValidationError("This request was sent already.")

    @property
    def helper(self):
        helper = FormHelper()
        helper.form_id = "visit"
        helper.form_class = "form"
        helper.layout = Layout(
            Fieldset("You & yours", Row("name", "email"), css_class="first"),
            Div("treatment", "channel", InlineCheckboxes("parts"), css_class="preferences"),
            "message",
            "letter",
            "consent",
            "token",
            Field("website", template="clinic_forms/honeypot.html"),
            FormActions(Submit("send", "Request an Appointment"), Hidden("step", "1")),
        )
        return helper


class PlainForm(forms.Form):
    email = forms.EmailField()


def html(form, **context) -> BeautifulSoup:
    return BeautifulSoup(render_crispy_form(form, context=context), "html.parser")


def words(tag: Tag | None) -> str:
    assert tag is not None
    return " ".join(tag.get_text(" ").split())


def filled(**changes) -> VisitForm:
    typed = {
        "name": "Ana",
        "email": "ana@example.com",
        "channel": "phone",
        "parts": ["evening"],
        "consent": "on",
        "token": "t",
    }
    return VisitForm({key: value for key, value in (typed | changes).items() if value is not None})


def summary(page: BeautifulSoup) -> list[tuple[str, str | None]]:
    """The text of each line of the error summary and the address its link leads to."""
    return [(words(line), line.a["href"] if line.a else None) for line in page.select(".error-summary li")]


def test_the_browser_leaves_the_checking_to_the_server():
    form = html(VisitForm()).form
    assert form.has_attr("novalidate")
    assert {key: form[key] for key in ("id", "class", "method")} == {"id": "visit", "class": ["form"], "method": "post"}
    assert form["enctype"] == "multipart/form-data"
    assert not html(PlainForm()).form.has_attr("enctype")


def test_a_form_that_has_not_been_sent_shows_no_error():
    page = html(VisitForm())
    assert page.select(".error-summary, .field-error, .has-error, [aria-invalid]") == []


def test_a_valid_form_shows_no_error():
    form = filled()
    assert form.is_valid(), form.errors
    assert html(form).select(".error-summary, .field-error, .has-error, [aria-invalid]") == []


def test_every_control_has_a_name_that_is_seen():
    page = html(VisitForm())
    labels = {label["for"]: words(label) for label in page.find_all("label")}
    controls = [tag["id"] for tag in page.select("input:not([type=hidden]), select, textarea")]
    assert labels == {
        "id_name": "Full name",
        "id_email": "Email",
        "id_treatment": "Treatment (optional)",
        "id_channel_0": "Email",
        "id_channel_1": "Phone",
        "id_parts_0": "Morning",
        "id_parts_1": "Afternoon",
        "id_parts_2": "Evening",
        "id_message": "Message (optional)",
        "id_letter": "A letter from your doctor (optional)",
        "id_consent": "You may answer me.",
        "id_website": "Leave this field empty",
    }
    assert controls == list(labels)


def test_radios_and_checkboxes_are_groups_with_a_legend_and_their_hint():
    page = html(VisitForm())
    group = page.find(id="id_channel_0").find_parent("fieldset")
    assert words(group.legend) == "How may we contact you?"
    assert group["aria-describedby"] == "id_channel_helptext"
    assert words(page.find(id="id_channel_helptext")) == "Choose one."
    parts = page.find(id="id_parts_0").find_parent("fieldset")
    assert words(parts.legend) == "Times of day"
    assert "inline" in parts["class"]
    assert "inline" not in group["class"]


def test_the_hint_belongs_to_its_field():
    page = html(VisitForm())
    assert page.find(id="id_email")["aria-describedby"] == "id_email_helptext"
    assert words(page.find(id="id_email_helptext")) == "We answer here."
    assert not page.find(id="id_name").has_attr("aria-describedby")


def test_the_summary_comes_first_has_focus_and_leads_to_each_field():
    page = html(VisitForm({"email": "ana"}))
    box = page.find(class_="error-summary")
    assert page.form.find(class_=True) is box
    assert box["tabindex"] == "-1"
    assert box.has_attr("autofocus")
    assert [tag["role"] for tag in box.find_all(role=True)] == ["alert"]
    assert words(box.h2) == "There is a problem"
    assert summary(page) == [
        ("Enter your full name", "#id_name"),
        ("Enter an email address like ana@example.com", "#id_email"),
        ("Choose how we may contact you", "#id_channel_0"),
        ("Choose at least one time of day", "#id_parts_0"),
        ("Tick the box", "#id_consent"),
        ("Load the page again", None),
    ]
    for _text, address in summary(page):
        assert address is None or page.find(id=address.removeprefix("#")).name == "input"


def test_the_same_words_stand_at_the_field_above_its_input():
    page = html(VisitForm({"email": "ana"}))
    field = page.find(id="id_email").parent
    assert [(tag.name, tag.get("id")) for tag in field.find_all(True, recursive=False)] == [
        ("label", None),
        ("div", "id_email_helptext"),
        ("div", "id_email_error"),
        ("input", "id_email"),
    ]
    assert words(page.find(id="id_email_error")) == "Error: Enter an email address like ana@example.com"
    assert words(page.find(id="id_email_error").find(class_="visually-hidden")) == "Error:"
    assert page.find(id="id_email")["aria-invalid"] == "true"
    assert page.find(id="id_email")["aria-describedby"] == "id_email_helptext id_email_error"
    assert "has-error" in field["class"]


def test_a_group_and_a_single_checkbox_say_their_error_too():
    page = html(VisitForm({}))
    group = page.find(id="id_channel_0").find_parent("fieldset")
    assert group["aria-describedby"] == "id_channel_helptext id_channel_error"
    assert words(page.find(id="id_channel_error")) == "Error: Choose how we may contact you"
    assert page.find(id="id_consent")["aria-describedby"] == "id_consent_error"
    assert words(page.find(id="id_consent_error")) == "Error: Tick the box"


def test_every_id_that_is_referred_to_exists_once():
    page = html(VisitForm({"email": "ana"}))
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    referred = {part for tag in page.select("[aria-describedby]") for part in tag["aria-describedby"].split()}
    assert referred <= set(ids)


def test_what_was_typed_is_kept():
    page = html(filled(name="<b>Ana</b>", message="</textarea><script>", parts=["evening", "morning"], email="no"))
    assert page.find(id="id_name")["value"] == "<b>Ana</b>"
    assert page.find(id="id_message").string.strip() == "</textarea><script>"
    assert page.find("script") is None
    assert [tag["value"] for tag in page.select("input[checked]:not(#id_consent)")] == ["phone", "morning", "evening"]
    assert page.find(id="id_consent").has_attr("checked")
    assert page.find(id="id_token")["value"] == "t"


def test_an_error_of_the_whole_form_stands_in_the_summary_without_a_link():
    assert summary(html(filled(name="Twice"))) == [("This request was sent already.", None)]


def test_an_error_shows_what_was_typed_as_text():
    form = filled()
    form.add_error("name", "<img src=x onerror=alert(1)> is no name")
    page = html(form)
    assert page.find("img") is None
    assert summary(page) == [("<img src=x onerror=alert(1)> is no name", "#id_name")]


def test_the_honeypot_is_out_of_reach_of_people():
    trap = html(VisitForm()).find(id="id_website")
    assert (trap["name"], trap["tabindex"], trap["autocomplete"]) == ("website", "-1", "off")
    assert (trap.parent["class"], trap.parent["aria-hidden"]) == (["visually-hidden"], "true")


def test_buttons_are_buttons_in_the_look_of_the_site():
    page = html(VisitForm())
    button = page.find("button")
    assert (button["type"], button["name"], words(button)) == ("submit", "send", "Request an Appointment")
    assert button["class"] == ["button"]
    assert page.find("input", attrs={"name": "step"})["type"] == "hidden"


def test_layout_pieces_carry_their_classes_and_escape_nothing_twice():
    page = html(VisitForm())
    group = page.find("fieldset", class_="group")
    assert group["class"] == ["group", "first"]
    assert words(group.legend) == "You & yours"
    assert page.find(class_="row").find_parent("fieldset") is group
    assert page.find(class_="preferences").find(id="id_parts_0") is not None


def test_a_posted_form_carries_the_token_against_forgery_unless_told_not_to():
    form = VisitForm()
    assert html(form, csrf_token="secret").find("input", attrs={"name": "csrfmiddlewaretoken"})["value"] == "secret"
    helper = form.helper
    helper.disable_csrf = True
    without = BeautifulSoup(render_crispy_form(form, helper, {"csrf_token": "secret"}), "html.parser")
    assert without.find("input", attrs={"name": "csrfmiddlewaretoken"}) is None


def test_a_search_form_sends_no_token():
    form = PlainForm()
    form.helper = FormHelper()
    form.helper.form_method = "get"
    form.helper.add_input(Submit("", "Search"))
    page = html(form, csrf_token="secret")
    assert page.form["method"] == "get"
    assert page.find("input", attrs={"name": "csrfmiddlewaretoken"}) is None
    assert words(page.find("button")) == "Search"


def test_a_form_without_a_layout_and_the_filters_work_too():
    template = Template(
        "{% load crispy_forms_tags crispy_forms_filters %}"
        "{{ form|crispy }}|{{ form.email|as_crispy_field }}|{{ form|as_crispy_errors }}"
    )
    whole, field, errors = (
        BeautifulSoup(part, "html.parser")
        for part in template.render(Context({"form": PlainForm({"email": "x"})})).split("|")
    )
    for part in (whole, field):
        assert words(part.find(id="id_email_error")) == "Error: Enter a valid email address."
    for part in (whole, errors):
        assert summary(part) == [("Enter a valid email address.", "#id_email")]


def test_rows_of_a_formset_share_one_summary():
    formset = forms.formset_factory(PlainForm, extra=2)(
        {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "0", "form-0-email": "a@example.com", "form-1-email": "x"}
    )
    page = html(formset, csrf_token="secret")
    assert summary(page) == [("Enter a valid email address.", "#id_form-1-email")]
    assert [tag["name"] for tag in page.select("input[type=email]")] == ["form-0-email", "form-1-email"]
    assert page.find("input", attrs={"name": "form-TOTAL_FORMS"})["value"] == "2"
    assert len(page.find_all("form")) == 1


def test_a_date_in_three_parts_is_one_question():
    class BirthForm(forms.Form):
        born = forms.DateField(label="Date of birth", widget=forms.SelectDateWidget(years=[1990]))

    page = html(BirthForm({}))
    assert words(page.fieldset.legend) == "Date of birth"
    [(_text, address)] = summary(page)
    assert page.find(id=address.removeprefix("#")).name == "select"
