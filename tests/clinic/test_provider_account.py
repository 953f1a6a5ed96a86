"""A provider may have an account: optional, one's own, and given by whoever gives out accounts."""

import pytest
from django.db import IntegrityError
from django.urls import reverse

from clinic.models import ContentVersion, Provider
from tests.factories import editor, make_article, make_provider, manager, stranger


def change(provider):
    return reverse("admin:clinic_provider_change", args=[provider.pk])


def as_sent(provider, **fields):
    kept = ["name", "slug", "credentials", "role", "position", "boards", "languages", "biography"]
    return {**{name: getattr(provider, name) for name in kept}, "is_active": "on", **fields}


def test_many_have_no_account(db):
    assert [make_provider().user, make_provider().user] == [None, None]


def test_an_account_belongs_to_one_provider(db):
    person = stranger()
    provider = make_provider(user=person)

    assert person.provider == provider
    with pytest.raises(IntegrityError):
        make_provider(user=person)


def test_a_provider_outlives_the_account_and_so_do_the_articles(client, db):
    provider = make_provider(user=stranger())
    article = make_article(author=provider)

    provider.user.delete()

    provider.refresh_from_db()
    article.refresh_from_db()
    assert (provider.user, article.author) == (None, provider)


def test_the_site_shows_nothing_of_the_account(client, db):
    provider = make_provider()
    article = make_article(author=provider)
    pages = [provider.get_absolute_url(), article.get_absolute_url()]
    before = [client.get(page).content for page in pages]
    version = ContentVersion.objects.get().version

    Provider.objects.filter(pk=provider.pk).update(user=stranger())

    assert ContentVersion.objects.get().version != version
    assert [client.get(page).content for page in pages] == before
    assert client.get(pages[0]).status_code == client.get(pages[1]).status_code == 200


def test_a_manager_gives_a_provider_an_account(client, db):
    provider, person = make_provider(), stranger()
    client.force_login(manager())

    response = client.post(change(provider), as_sent(provider, user=person.pk))

    assert response.status_code == 302
    provider.refresh_from_db()
    assert provider.user == person


def test_an_editor_cannot_make_themselves_a_provider(client, db):
    """Whose account it is decides who sees which patients."""
    provider, person = make_provider(), editor()
    client.force_login(person)

    response = client.post(change(provider), as_sent(provider, name="Dr. New Name", user=person.pk))

    assert response.status_code == 302
    provider.refresh_from_db()
    assert (provider.user, provider.name) == (None, "Dr. New Name")
