"""The staff's side: shut to everybody else, each group sees its own part, and a stranger to Django can work in it."""

import re
from datetime import time, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core.files.storage import default_storage, storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.text import capfirst
from django_tasks_db.models import DBTaskResult

from appointments.models import Appointment
from clinic import dashboard, groups, mail_links, worker
from clinic.admin.letter import KINDS
from clinic.admin.one_row import OneRowAdmin
from clinic.admin.rich_text import EDITOR_STYLE
from clinic.mail_links import Link
from clinic.models import Image, Letter, MailLink, Practice, Testimonial, Treatment
from newsletter.models import Delivery, Subscriber, Suppression
from tests.factories import (
    NOON,
    PASSWORD,
    editor,
    front_desk,
    make_article,
    make_image,
    make_letter,
    make_location,
    make_offer,
    make_policy,
    make_practice,
    make_provider,
    make_testimonial,
    make_treatment,
    manager,
    marketing,
    picture_file,
    stranger,
)

LINK = Link(purpose="test.confirm", object_id=7, view="clinic:policy", lifetime=timedelta(days=2))
GROUPS = {"Front desk": front_desk, "Editor": editor, "Marketing": marketing}
SEEN = {
    "Front desk": {
        "appointments.Appointment",
        "appointments.AppointmentRequest",
        "appointments.HoursException",
        "appointments.Patient",
        "appointments.Resource",
        "appointments.VisitType",
        "clinic.Closure",
        "clinic.Letter",
        "clinic.Location",
        "clinic.Provider",
        "clinic.Treatment",
        "newsletter.Subscriber",
    },
    "Editor": {
        "articles.Article",
        "clinic.Image",
        "clinic.Policy",
        "clinic.Provider",
        "clinic.Testimonial",
        "clinic.Treatment",
        "clinic.TreatmentCategory",
    },
    "Marketing": {
        "articles.Article",
        "clinic.Image",
        "clinic.Offer",
        "clinic.Testimonial",
        "clinic.Treatment",
        "newsletter.Campaign",
        "newsletter.Delivery",
        "newsletter.ListImport",
        "newsletter.MailingRules",
        "newsletter.Subscriber",
        "newsletter.Suppression",
        "newsletter.Topic",
    },
}


# Letters write themselves, there is one practice, and who wants the newsletter signs up or is suppressed.
NEVER_BY_HAND = {Appointment, Delivery, Letter, Practice, Subscriber, Suppression}


def signed_in(client, user):
    client.force_login(user)
    return client


def registered():
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


def page(model, name, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


# Who gets in


def all_addresses(patterns=None, begin="/admin/"):
    """Every address of the admin, with something in each hole."""
    for entry in admin.site.get_urls() if patterns is None else patterns:
        route = begin + re.sub(r"<int:\w+>", "1", re.sub(r"<(?:path|str|slug):?\w*>", "1", str(entry.pattern)))
        if isinstance(entry, URLPattern):
            yield re.sub(r"\(\?P<url>\.\*\)\$|[\^$]", "", re.sub(r"\(\?P<app_label>[^)]*\)", "clinic", route))
        else:
            yield from all_addresses(entry.url_patterns, route)


@pytest.mark.parametrize("somebody", ["nobody", "a stranger with an account"])
def test_nothing_of_it_is_reachable_without_signing_in_as_staff(client, db, somebody):
    if somebody != "nobody":
        client.force_login(stranger())
    make_letter(pk=1)
    addresses = sorted({*all_addresses()} - {"/admin/login/", "/admin/logout/"})
    assert len(addresses) > 80

    for method in (client.get, client.post):
        answers = {
            address: (response.status_code, response.get("Location", "").partition("?")[0])
            for address in addresses
            if (response := method(address))
        }
        assert answers == dict.fromkeys(addresses, (302, "/admin/login/"))


def test_a_wrong_password_opens_nothing(client, db):
    front_desk()

    response = client.post("/admin/login/?next=/admin/", {"username": "fred", "password": "wrong"})

    assert (response.status_code, client.get("/admin/").status_code) == (200, 302)


def test_signing_in_leads_to_the_dashboard(client, db):
    front_desk()

    response = client.post("/admin/login/?next=/admin/", {"username": "fred", "password": PASSWORD}, follow=True)

    assert (response.redirect_chain, response.status_code) == ([("/admin/", 302)], 200)


def test_a_page_of_the_desk_is_kept_by_nobody(client, db):
    login = client.get("/admin/login/")
    signed_in(client, manager())

    for response in (login, client.get("/admin/"), client.get("/admin/clinic/letter/")):
        assert "no-store" in response["Cache-Control"]


# Who sees what


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_sees_exactly_what_is_its_own(client, db, group):
    response = signed_in(client, GROUPS[group]()).get("/admin/")

    seen = {
        f"{app['app_label']}.{model['object_name']}" for app in response.context["app_list"] for model in app["models"]
    }
    assert seen == SEEN[group]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_can_open_its_own_lists_and_no_other(client, db, group):
    signed_in(client, GROUPS[group]())

    opened = {
        model._meta.label
        for model in registered()
        # A list of one row leads straight to it.
        if client.get(page(model, "changelist"), follow=True).status_code == 200
    }

    assert opened == SEEN[group]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_can_choose_from_every_list_in_the_forms_it_may_fill_in(client, db, group):
    user = GROUPS[group]()
    signed_in(client, user)
    refused = []
    for model, its_admin in admin.site._registry.items():
        label, name = model._meta.app_label, model._meta.model_name
        if not (user.has_perm(f"{label}.add_{name}") or user.has_perm(f"{label}.change_{name}")):
            continue
        for field in its_admin.autocomplete_fields:
            asked = {"app_label": label, "model_name": name, "field_name": field}
            if client.get("/admin/autocomplete/", asked).status_code != 200:
                refused.append(f"{model._meta.label}.{field}")

    assert refused == []


def test_every_permission_that_a_group_is_given_exists(db):
    for name, models in groups.GROUPS.items():
        wanted = {(*label.split("."), verb) for label, verbs in models.items() for verb in verbs}
        held = {
            (
                permission.content_type.app_label,
                permission.content_type.model,
                permission.codename.removesuffix(f"_{permission.content_type.model}"),
            )
            for permission in Group.objects.get(name=name).permissions.select_related("content_type")
        }
        assert held == wanted


def test_making_the_groups_again_gives_back_what_they_lack_and_leaves_the_rest(db):
    group = Group.objects.get(name="Front desk")
    extra = Permission.objects.get(codename="view_offer")
    group.permissions.set([extra])

    groups.make_groups()

    assert group.permissions.filter(pk=extra.pk).exists()
    assert group.permissions.filter(codename="view_letter").exists()


# Every page opens


@pytest.fixture
def furnished(db):
    """One row of everything."""
    image = make_image()
    make_practice(banner_poster=image)
    provider = make_provider(photo=image)
    provider.locations.add(make_location(picture=image))
    treatment = make_treatment(picture=image)
    treatment.performed_by.add(provider)
    make_offer(picture=image).treatments.add(treatment)
    make_testimonial(treatment=treatment)
    make_policy()
    make_article(picture=image, author=provider).treatments.add(treatment)
    make_letter()


def test_every_list_and_every_form_opens_for_a_manager(client, furnished, subtests):
    signed_in(client, manager())
    for model in registered():
        with subtests.test(model=model._meta.label):
            assert client.get(page(model, "changelist"), follow=True).status_code == 200
            assert client.get(page(model, "changelist"), {"q": "x"}, follow=True).status_code == 200
            assert client.get(page(model, "add")).status_code == (403 if model in NEVER_BY_HAND else 200)
            first = model._default_manager.first()
            if first is not None:
                assert client.get(page(model, "change", first.pk)).status_code == 200


def test_the_browsers_walls_stand_around_every_page_and_no_script_or_style_is_inline(client, furnished, subtests):
    signed_in(client, manager())
    pages = ["/admin/login/", "/admin/", "/admin/password_change/"]
    pages += [page(model, "changelist") for model in registered()] + [page(model, "add") for model in registered()]
    for path in pages:
        with subtests.test(path=path):
            response = client.get(path, follow=True)
            text = response.content.decode()
            nonces = set(re.findall(r'nonce="([^"]+)"', text))
            script = "script-src 'self'" + "".join(f" 'nonce-{nonce}'" for nonce in nonces)
            style = f"style-src 'self' {EDITOR_STYLE}" if "importmap" in text else "style-src 'self'"
            walls = {part.strip() for part in response["Content-Security-Policy"].split(";")}
            assert len(nonces) <= 1
            assert walls == {
                script,
                *("default-src 'self'", style, "img-src 'self' data:", "base-uri 'none'"),
                *("object-src 'none'", "form-action 'self'", "frame-ancestors 'none'"),
            }
            executed = [tag for tag in re.findall(r"<script\b[^>]*>", text) if " src=" not in tag and "json" not in tag]
            assert [tag for tag in executed if "importmap" not in tag or "nonce=" not in tag] == []
            assert "<style" not in text
            assert re.findall(r'\s(?:on[a-z]+|style)="', text) == []


@pytest.mark.parametrize("model", ["articles_article", "clinic_treatment", "clinic_provider", "clinic_policy"])
def test_the_editors_import_map_carries_the_nonce_of_the_page(client, db, model):
    signed_in(client, manager())

    first, second = (client.get(reverse(f"admin:{model}_add")) for _ in range(2))

    nonces = []
    for response in (first, second):
        tags = re.findall(r"<script\b[^>]*importmap[^>]*>", response.content.decode())
        assert len(tags) == 1
        nonces += re.findall(r'nonce="([^"]+)"', tags[0])
        assert f"'nonce-{nonces[-1]}'" in response["Content-Security-Policy"]
    assert len(set(nonces)) == 2


def test_every_clock_is_the_practices(client, db):
    make_practice(time_zone="America/Los_Angeles")
    make_letter(created_at=NOON)

    text = signed_in(client, manager()).get("/admin/clinic/letter/").content.decode()

    assert "4 a.m." in text
    assert "noon" not in text


# The dashboard


def titles(client):
    return [str(panel.title) for panel in client.get("/admin/").context["panels"]]


def test_an_empty_sites_dashboard_lists_what_is_to_be_set_up_and_each_link_opens(client, db):
    signed_in(client, manager())
    panels = {str(panel.title): panel for panel in client.get("/admin/").context["panels"]}

    rows = panels["Still to be set up"].rows
    assert [row.url for row in rows] == [
        "/admin/clinic/practice/add/",
        "/admin/clinic/location/add/",
        "/admin/clinic/location/",
        "/admin/clinic/provider/add/",
        "/admin/clinic/treatment/add/",
        "/admin/clinic/policy/add/",
    ]
    assert [row.url for row in rows if client.get(row.url).status_code != 200] == []


def test_nothing_is_left_to_set_up_on_a_furnished_site(client, furnished):
    assert "Still to be set up" not in titles(signed_in(client, manager()))


def test_letters_that_failed_and_pictures_that_broke_are_shown_to_a_person(client, db):
    failed = make_letter(state=Letter.State.FAILED, next_attempt_at=None, subject="To be seen")
    broken = make_image(rendered=False, title="Torn")
    Image.objects.update(error="This picture is damaged.")

    text = signed_in(client, manager()).get("/admin/").content.decode()

    assert f'<a href="/admin/clinic/letter/{failed.pk}/change/">To be seen</a>' in text
    assert f'<a href="/admin/clinic/image/{broken.pk}/change/">Torn</a>' in text


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_sees_only_panels_of_its_own(client, db, group):
    make_letter(state=Letter.State.FAILED, next_attempt_at=None)
    user = GROUPS[group]()

    shown = titles(signed_in(client, user))

    allowed = [permission for _order, permission, _maker in dashboard._panels if user.has_perm(permission)]
    assert len(shown) <= len(allowed)
    assert ("Letters that failed" in shown, "Drafts of articles" in shown) == (group == "Front desk", group == "Editor")
    assert "Still to be set up" not in shown


# Pictures


def upload(client, **fields):
    return client.post("/admin/clinic/image/add/", {"title": "Lamp", "original": picture_file(), **fields})


@pytest.mark.django_db(transaction=True)
def test_an_uploaded_picture_gets_its_renditions_from_the_task(client):
    signed_in(client, editor())

    response = upload(client, alt="A lamp.")
    assert (response.status_code, Image.objects.get().renditions.count()) == (302, 0)
    worker.Worker()._tasks.run()

    image = Image.objects.get()
    assert (image.width, image.height, image.error, image.renditions.count()) == (640, 480, "", 4)
    text = client.get(f"/admin/clinic/image/{image.pk}/change/").content.decode()
    assert f'<img src="{image.fallback.file.url}" alt="A lamp." width="640" height="480" class="preview">' in text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Describe the picture, or mark it as decorative."),
        ({"alt": "A lamp.", "is_decorative": "on"}, "A decorative picture has no text alternative."),
        ({"alt": "A lamp.", "original": ""}, "This field is required."),
    ],
)
def test_a_form_for_a_picture_that_lacks_something_says_what(client, db, fields, message):
    signed_in(client, editor())

    response = upload(client, **fields)

    assert (response.status_code, Image.objects.count()) == (200, 0)
    assert message in response.content.decode()


def test_the_error_of_a_picture_without_words_stands_at_its_field(client, db):
    signed_in(client, editor())

    errors = upload(client).context["adminform"].form.errors

    assert dict(errors) == {"alt": ["Describe the picture, or mark it as decorative."]}


def test_what_is_no_picture_is_refused_at_its_field(client, db):
    signed_in(client, editor())

    response = upload(client, alt="A lamp.", original=SimpleUploadedFile("a.jpg", b"<svg onload=alert(1)>"))

    errors = response.context["adminform"].form.errors
    assert dict(errors) == {"original": ["This is not a JPEG, PNG, WebP or AVIF picture."]}
    assert Image.objects.count() == 0


def test_a_replaced_file_is_rendered_anew(client, db, django_capture_on_commit_callbacks):
    image = make_image()
    replaced = Path(image.original.path)
    signed_in(client, editor())

    with django_capture_on_commit_callbacks(execute=True):
        client.post(
            f"/admin/clinic/image/{image.pk}/change/",
            {"title": "Lamp", "alt": "Another.", "original": picture_file(size=(30, 20))},
        )

    image.refresh_from_db()
    assert (image.width, image.height, image.rendered_at) == (30, 20, None)
    assert (replaced.exists(), Path(image.original.path).exists()) == (False, True)
    assert DBTaskResult.objects.get().args_kwargs["args"] == [image.pk]


def film(name, content=b"\0\0\0\x18ftypmp42"):
    return SimpleUploadedFile(name, content, "video/mp4")


FILM = {"attribution": "M., 52", "quote": "Kind people.", "transcript": "Kind people.", "position": 0}


def test_a_film_is_published_under_a_name_that_tells_nothing_and_leaves_with_its_row(
    client, db, django_capture_on_commit_callbacks
):
    signed_in(client, editor())
    with django_capture_on_commit_callbacks(execute=True):
        client.post(
            "/admin/clinic/testimonial/add/",
            {**FILM, "video": film("Jane-Doe-facelift.MP4"), "captions": film("Jane-Doe.vtt", b"WEBVTT\n")},
        )
    testimonial = Testimonial.objects.get()
    first, captions = Path(testimonial.video.path), Path(testimonial.captions.path)
    assert re.fullmatch(r"films/[A-Za-z0-9_-]{16}\.mp4", testimonial.video.name)
    assert (first.exists(), captions.exists()) == (True, True)

    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"/admin/clinic/testimonial/{testimonial.pk}/change/", {**FILM, "video": film("other.mp4")})
    testimonial.refresh_from_db()
    second = Path(testimonial.video.path)
    assert (first.exists(), second.exists(), captions.exists()) == (False, True, True)

    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"/admin/clinic/testimonial/{testimonial.pk}/delete/", {"post": "yes"})
    assert (second.exists(), captions.exists()) == (False, False)


def test_a_film_that_is_too_large_is_refused_in_words(client, db, monkeypatch):
    monkeypatch.setattr("clinic.films.MOST_BYTES", 10)
    signed_in(client, editor())
    page = client.post("/admin/clinic/testimonial/add/", {**FILM, "video": film("long.mp4")}).content.decode()
    assert "This file is larger than 30 MB." in page
    assert Testimonial.objects.count() == 0


def test_guessing_passwords_ends_in_a_429_that_names_the_phone(client, db, caplog):
    make_practice(phone="704-555-0142")
    wrong = {"username": "somebody", "password": "wrong"}
    answers = [client.post("/admin/login/", wrong) for _attempt in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 15 * 60
    assert "704-555-0142" in answers[-1].content.decode()
    assert client.post("/admin/login/", wrong, REMOTE_ADDR="203.0.113.9").status_code == 200


def test_one_name_is_not_guessed_from_many_networks(client, db):
    statuses = [
        client.post(
            "/admin/login/", {"username": "boss", "password": "wrong"}, REMOTE_ADDR=f"203.0.113.{number}"
        ).status_code
        for number in range(51)
    ]
    assert statuses == [200] * 50 + [429]


def test_who_may_not_publish_cannot(client, db):
    article = make_article(status="draft", published_at=None)
    user = editor()
    user.groups.get().permissions.remove(Permission.objects.get(codename="publish_article"))
    signed_in(client, user)
    client.post(
        f"/admin/articles/article/{article.pk}/change/",
        {
            "title": article.title,
            "slug": article.slug,
            "body": "<p>Words.</p>",
            "category": article.category_id,
            "status": "published",
            "published_at_0": "2026-01-01",
            "published_at_1": "12:00",
        },
    )
    article.refresh_from_db()
    assert (article.body, article.status, article.published_at) == ("<p>Words.</p>", "draft", None)


def test_other_words_for_a_picture_do_not_render_it_anew(client, db, django_capture_on_commit_callbacks):
    image = make_image()
    signed_in(client, editor())

    with django_capture_on_commit_callbacks() as callbacks:
        response = client.post(f"/admin/clinic/image/{image.pk}/change/", {"title": "Lamp", "alt": "Another."})

    image.refresh_from_db()
    assert (response.status_code, image.alt, image.rendered_at, callbacks) == (302, "Another.", NOON, [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["one", "chosen"])
def test_a_deleted_picture_takes_its_files_with_it(client, way):
    image = make_image()
    original, files = image.original.name, [rendition.file.name for rendition in image.renditions.all()]
    signed_in(client, editor())

    if way == "one":
        client.post(f"/admin/clinic/image/{image.pk}/delete/", {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [image.pk], "post": "yes"}
        client.post("/admin/clinic/image/", chosen)

    assert Image.objects.count() == 0
    assert [name for name in files if default_storage.exists(name)] == []
    assert not storages["private"].exists(original)


# Letters


def test_nobody_writes_changes_or_deletes_a_letter_by_hand(client, db):
    letter = make_letter()
    signed_in(client, manager())
    own = f"/admin/clinic/letter/{letter.pk}/"

    assert client.get("/admin/clinic/letter/add/").status_code == 403
    assert client.post(f"{own}change/", {"body": "Else"}).status_code == 403
    assert client.post(f"{own}delete/", {"post": "yes"}).status_code == 403
    letter.refresh_from_db()
    assert letter.body == "We have it.\n"


def test_a_letter_is_found_by_its_reader_and_read_without_a_token(client, db):
    letter = make_letter(to="ann@patient.example", body="<b>Hello</b> [[confirm]]", links={"confirm": LINK.as_json()})
    make_letter(to="ben@patient.example")
    signed_in(client, front_desk())

    found = client.get("/admin/clinic/letter/", {"q": "ann@patient"}).context["cl"].result_list
    text = client.get(f"/admin/clinic/letter/{letter.pk}/change/").content.decode()

    assert list(found) == [letter]
    assert "&lt;b&gt;Hello&lt;/b&gt; [[confirm]]" in text
    assert MailLink.objects.count() == 0


def test_in_the_trial_a_post_shows_the_letter_with_a_link_that_works(client, db, settings):
    settings.TRIAL = True
    letter = make_letter(
        state=Letter.State.KEPT, next_attempt_at=None, body="<b>[[confirm]]</b>", links={"confirm": LINK.as_json()}
    )
    signed_in(client, front_desk())
    address = f"/admin/clinic/letter/{letter.pk}/links/"

    assert (client.get(address).status_code, MailLink.objects.count()) == (405, 0)
    response = client.post(address)

    text = response.content.decode()
    (token,) = set(re.findall(r"/policies/([A-Za-z0-9_-]{32})/", text))
    assert mail_links.find("test.confirm", token, now=timezone.now()).object_id == 7
    assert "&lt;b&gt;" in text
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize(("is_trial", "sends_mail"), [(True, True), (False, False)])
def test_outside_of_the_trial_nobody_can_mint_a_letters_links(client, db, settings, is_trial, sends_mail):
    settings.TRIAL, settings.SENDS_MAIL = is_trial, sends_mail
    letter = make_letter(body="[[confirm]]", links={"confirm": LINK.as_json()})
    signed_in(client, manager())

    text = client.get(f"/admin/clinic/letter/{letter.pk}/change/").content.decode()
    response = client.post(f"/admin/clinic/letter/{letter.pk}/links/")

    assert ("Read it with its links" in text, response.status_code, MailLink.objects.count()) == (False, 403, 0)


@pytest.mark.parametrize("who", [editor, marketing])
def test_a_group_without_letters_neither_reads_nor_resends_nor_opens_them(client, db, settings, who):
    letter = make_letter(state=Letter.State.FAILED, next_attempt_at=None)
    signed_in(client, who())
    own = f"/admin/clinic/letter/{letter.pk}/"

    answers = [client.get(f"{own}change/"), client.post(f"{own}links/"), client.post(f"{own}send-again/")]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    letter.refresh_from_db()
    assert letter.state == Letter.State.FAILED


def test_who_may_send_again_does_so_with_one_click_and_the_log_names_nobody(client, db, settings):
    settings.SENDS_MAIL = True
    letter = make_letter(state=Letter.State.FAILED, next_attempt_at=None, attempts=5, error="421 busy")
    signed_in(client, front_desk())

    assert client.get(f"/admin/clinic/letter/{letter.pk}/send-again/").status_code == 405
    response = client.post(f"/admin/clinic/letter/{letter.pk}/send-again/", follow=True)

    assert "1 letter will be sent again." in response.content.decode()
    letter.refresh_from_db()
    assert (letter.state, letter.attempts) == (Letter.State.QUEUED, 0)
    logged = " ".join(f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all())
    assert [word for word in ("ann", "Your request") if word in logged + str(letter)] == []


def test_chosen_letters_are_sent_again_except_one_that_is_on_its_way(client, db, settings):
    settings.SENDS_MAIL = True
    chosen = [make_letter(state=Letter.State.FAILED, next_attempt_at=None) for _ in range(2)]
    going = make_letter(state=Letter.State.SENDING, lease_until=NOON, next_attempt_at=None)
    other = make_letter(state=Letter.State.FAILED, next_attempt_at=None)
    signed_in(client, front_desk())

    keys = [letter.pk for letter in (*chosen, going)]
    client.post("/admin/clinic/letter/", {"action": "send_again", "_selected_action": keys})

    states = dict(Letter.objects.values_list("pk", "state"))
    assert states == {
        **{letter.pk: Letter.State.QUEUED for letter in chosen},
        going.pk: Letter.State.SENDING,
        other.pk: Letter.State.FAILED,
    }


def test_without_a_mail_server_sending_again_says_why_not(client, db):
    letter = make_letter(state=Letter.State.KEPT, next_attempt_at=None)
    signed_in(client, front_desk())

    response = client.post(f"/admin/clinic/letter/{letter.pk}/send-again/", follow=True)

    letter.refresh_from_db()
    assert letter.state == Letter.State.KEPT
    assert "There is no mail server: EMAIL_URL is not set." in response.content.decode()


def test_letters_are_narrowed_to_a_kind_by_its_name(client, db):
    newsletter = make_letter(kind="newsletter/letters/confirm")
    make_letter(kind="appointments/letters/arrived")
    signed_in(client, front_desk())

    narrowed = client.get("/admin/clinic/letter/", {"kind": "newsletter/letters/confirm"}).context["cl"]
    text = client.get(f"/admin/clinic/letter/{newsletter.pk}/change/").content.decode()

    assert list(narrowed.result_list) == [newsletter]
    assert "Newsletter: please confirm" in text
    assert "newsletter/letters" not in text


def test_every_kind_of_letter_has_a_name():
    templates = Path(settings.BASE_DIR, "templates")
    kinds = {str(path.relative_to(templates).with_suffix("")) for path in templates.glob("*/letters/*.txt")}
    assert set(KINDS) == kinds - {"newsletter/letters/signature"}  # a part of the others


# The practice


def test_there_is_one_practice_and_its_list_leads_to_it(client, furnished):
    signed_in(client, manager())

    assert client.get("/admin/clinic/practice/")["Location"] == "/admin/clinic/practice/1/change/"
    assert client.get("/admin/clinic/practice/add/").status_code == 403
    assert client.post("/admin/clinic/practice/1/delete/", {"post": "yes"}).status_code == 403


MONDAY = {
    **{"name": "Elmford", "slug": "elmford", "street": "1 Elm Street", "city": "Elmford", "position": "0"},
    **{"is_active": "on", "hours-TOTAL_FORMS": "1", "hours-INITIAL_FORMS": "0"},
    **{"hours-0-weekday": "0", "hours-0-opens": "09:00", "hours-0-closes": "17:00"},
    **{"closures-TOTAL_FORMS": "0", "closures-INITIAL_FORMS": "0"},
}


def test_opening_hours_are_edited_with_their_location(client, db):
    location = make_location(hours=[])
    signed_in(client, manager())

    wrong = client.post(f"/admin/clinic/location/{location.pk}/change/", {**MONDAY, "hours-0-closes": "08:00"})
    right = client.post(f"/admin/clinic/location/{location.pk}/change/", MONDAY)

    assert (wrong.status_code, right.status_code) == (200, 302)
    assert [str(span) for _day, spans in type(location).objects.get().week for span in spans] == ["9 a.m.–5 p.m."]


@pytest.mark.parametrize(
    ("typed", "is_read_as"),
    [
        *[("9am", time(9)), ("9 AM", time(9)), ("9:00 AM", time(9)), ("9:30am", time(9, 30)), ("9 a.m.", time(9))],
        *[("12 pm", time(12)), ("09:00", time(9)), ("09:00:00", time(9)), (" 13:45 ", time(13, 45))],
    ],
)
def test_a_time_of_the_opening_hours_is_taken_as_people_write_it(client, db, typed, is_read_as):
    location = make_location(hours=[])
    signed_in(client, manager())

    response = client.post(f"/admin/clinic/location/{location.pk}/change/", {**MONDAY, "hours-0-opens": typed})

    assert (response.status_code, location.hours.get().opens) == (302, is_read_as)


@pytest.mark.parametrize("typed", ["nine", "25:00", "13 pm", "9.30.5", "٩"])
def test_what_is_no_time_is_refused_in_words(client, db, typed):
    location = make_location(hours=[])
    signed_in(client, manager())

    response = client.post(f"/admin/clinic/location/{location.pk}/change/", {**MONDAY, "hours-0-opens": typed})

    (hours, _closures) = response.context["inline_admin_formsets"]
    assert hours.formset.errors == [{"opens": ["Enter a time like 9:00 AM."]}]
    assert location.hours.count() == 0


def test_a_time_stands_in_the_form_as_it_may_be_typed(client, db):
    location = make_location(hours=[(0, time(8, 30), time(17))])

    text = signed_in(client, manager()).get(f"/admin/clinic/location/{location.pk}/change/").content.decode()

    assert re.findall(r'name="hours-0-(opens|closes)" value="([^"]*)"', text) == [
        ("opens", "08:30 AM"),
        ("closes", "05:00 PM"),
    ]


def test_the_front_desk_reads_the_opening_hours_and_changes_none(client, db):
    location = make_location(hours=[(0, time(8, 30), time(17))])
    signed_in(client, front_desk())
    path = f"/admin/clinic/location/{location.pk}/change/"

    text = client.get(path).content.decode()
    refused = client.post(path, {**MONDAY, "hours-0-opens": "10:00"})

    assert "8:30 a.m." in text
    assert 'name="hours-0-opens"' not in text
    assert (refused.status_code, location.hours.get().opens) == (403, time(8, 30))


@pytest.mark.parametrize("phone", ["704-555-0142", "+1 704 555 0142", "(704) 555-0142", "020/7946 0018"])
def test_a_phone_number_of_the_practice_is_taken_as_it_is_written(db, phone):
    make_practice(phone=phone).full_clean()
    make_location(phone=phone).full_clean()


@pytest.mark.parametrize("phone", ["call us", "555", "704-555-0142 ext. 5", "704-555-014x", "1" * 16, "٧٠٤٥٥٥٠١٤٢"])
def test_a_phone_number_that_nobody_can_dial_is_refused_at_its_field(client, db, phone):
    location = make_location(hours=[])
    signed_in(client, manager())

    response = client.post(
        f"/admin/clinic/location/{location.pk}/change/", {**MONDAY, "hours-TOTAL_FORMS": "0", "phone": phone}
    )

    said = "Enter a phone number, like 704-555-0142 or +44 20 7946 0018."
    assert dict(response.context["adminform"].form.errors) == {"phone": [said]}


# Colleagues


def new_colleague(client, **fields):
    """Sends the form as it opens, filled in by a person."""
    shown = client.get("/admin/clinic/user/add/").context["adminform"].form
    ticked = {name: "on" for name in ("is_staff", "is_superuser") if shown[name].value()}
    typed = {"username": "nina", "password1": PASSWORD, "password2": PASSWORD, **ticked, **fields}
    return client.post("/admin/clinic/user/add/", typed)


def test_a_colleague_who_was_put_in_a_group_at_the_desk_can_sign_in(client, db):
    signed_in(client, manager())

    response = new_colleague(client, groups=[Group.objects.get(name="Front desk").pk])

    assert response.status_code == 302
    client.logout()
    entered = client.post("/admin/login/?next=/admin/", {"username": "nina", "password": PASSWORD}, follow=True)
    assert (entered.redirect_chain, entered.status_code) == ([("/admin/", 302)], 200)
    assert client.get("/admin/appointments/appointmentrequest/").status_code == 200
    assert client.get("/admin/clinic/user/").status_code == 403


def test_the_forms_of_a_colleague_ask_for_what_a_manager_knows(client, db):
    signed_in(client, manager())

    new = client.get("/admin/clinic/user/add/").context["adminform"].form
    known = client.get(f"/admin/clinic/user/{front_desk().pk}/change/").context["adminform"].form

    person = ["username", "first_name", "last_name", "email"]
    assert sorted(new.fields) == sorted([*person, "password1", "password2", "is_staff", "groups", "is_superuser"])
    assert sorted(known.fields) == sorted([*person, "password", "is_active", "is_staff", "groups", "is_superuser"])


def test_who_has_left_cannot_sign_in(client, db):
    fred = front_desk()
    signed_in(client, manager())
    form = {"username": "fred", "is_staff": "on", "groups": [group.pk for group in fred.groups.all()]}

    assert client.post(f"/admin/clinic/user/{fred.pk}/change/", form).status_code == 302

    client.logout()
    client.post("/admin/login/", {"username": "fred", "password": PASSWORD})
    assert client.get("/admin/").status_code == 302


def test_a_list_is_called_what_it_lists(client, furnished):
    signed_in(client, manager())
    # The list of a table of one row leads straight to it.
    lists = [model for model in registered() if not isinstance(admin.site.get_model_admin(model), OneRowAdmin)]
    headings = {
        model._meta.label: re.findall(r"<h1>(.*?)</h1>", client.get(page(model, "changelist")).content.decode())
        for model in lists
    }
    assert headings == {model._meta.label: [capfirst(model._meta.verbose_name_plural)] for model in lists}
    assert headings["clinic.TreatmentCategory"] == ["Treatment categories"]


def test_a_treatment_is_saved_clean(client, db):
    treatment = make_treatment()
    signed_in(client, editor())
    form = {
        **{"name": "Peel", "slug": "peel", "category": treatment.category.pk, "position": "0", "currency": "USD"},
        **{"summary": "What it does.", "body": "<p onclick='x()'>Hello<script>alert(1)</script></p>"},
    }

    response = client.post(f"/admin/clinic/treatment/{treatment.pk}/change/", form)

    assert (response.status_code, Treatment.objects.get().body) == (302, "<p>Hello</p>")
