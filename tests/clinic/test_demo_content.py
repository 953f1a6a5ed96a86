"""The invented practice: its words, its drawings and its films."""

import hashlib
import html
import re
from collections import Counter

import pytest

from clinic.demo import content, drawing
from clinic.rich_text import sanitise

ALLOWED = {"p", "h2", "h3", "ul", "ol", "li", "strong", "em", "a", "blockquote"}
PRACTICE, TREATMENTS, ARTICLES = content.practice(), content.treatments(), content.articles()
BODIES = {
    **{f"/articles/{article['slug']}/": article["body"] for article in ARTICLES},
    **{f"/policies/{policy['kind']}/": policy["body"] for policy in PRACTICE["policies"]},
    **{f"/treatments/{treatment['slug']}/": treatment["body"] for treatment in TREATMENTS},
    **{f"/team/{provider['slug']}/": provider["biography"] for provider in PRACTICE["providers"]},
}
FIXED_PAGES = {"/offers/", "/appointments/request/"}

# The sentences of two pages of real practices that asked the same questions, as hashes: none may be used again.
OTHER_PEOPLES_SENTENCES = frozenset(
    """
    0220f271874a 79aba17e1c83 61adc28d3427 e8604b4b475c 0b0e7f00bf3e 48f0c06d713a 110a8c2fc540 9c2130878704
    d573ab35c1cf bb346cbddf72 d2e8528b0a5c a942c9fd9ed6 73659f6a454d 87e432f1b708 565bf3107565 dd7ee12e54d4
    c1491802cf43 0f41e6ea2b58 d181362fad50 a1e3d489a776 83c14c128324 cc72f6e4f123 9becfc80a942 9719b67ef6ad
    9d6b9b2d7ec8 7ab161c09a76 d34364a79b7c 8a752636bb6d 169927daf048 06cab3759387 f67d4a382ca4 8ae44e7dbe8f
    2379ce5beac3 b44ef217f046 56181efb7704 8d7fb6ba3d8f bf4c21b7026a c330a01def73 0bf7859e4e3b aa775ce556a9
    33a1faa69851 c5bc1b0b894e 8e5cf1aea675 db3ef9c95e24 f2166903c4d5 b17556898499 94abf649d291 fad8492cc93e
    ace14c8a69fe fecb3f9eb6a4 d122b761ad7c
    """.split()  # noqa: SIM905 -- fifty strings on seven lines
)


def plain(body):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def sentence_hashes(text):
    """Sentences of six words or more. Headings, items and quoted values end one even without a full stop."""
    text = re.sub(r"</?(?:p|h2|h3|li|ul|ol|blockquote)>", "\n", text)
    text = html.unescape(re.sub(r"<[^>]+>", "", text))
    for sentence in re.split(r"(?<=[.!?:])\s+|\n+|\"", text):
        words = re.findall(r"[a-z0-9]+", sentence.lower())
        if len(words) >= 6:
            yield hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]


def everything_written():
    return "\n".join(
        path.read_text() for path in sorted(content.FOLDER.rglob("*")) if path.suffix in {".html", ".toml"}
    )


# The words


@pytest.mark.parametrize("article", ARTICLES, ids=lambda article: article["slug"])
def test_an_article_has_500_to_1200_words_headings_a_list_and_its_sources(article):
    body = article["body"]
    assert 500 <= len(plain(body).split()) <= 1200
    assert body.count("<h2>") >= 3
    assert re.search(r"<[uo]l>", body)
    assert re.findall(r"<h2>(.*?)</h2>", body)[-1] == "Sources"
    assert len(article["key_points"]) == 3
    assert len(article["standfirst"]) <= 400


@pytest.mark.parametrize("policy", PRACTICE["policies"], ids=lambda policy: policy["kind"])
def test_a_policy_is_a_text_and_not_a_placeholder(policy):
    assert 200 <= len(plain(policy["body"]).split()) <= 500
    assert "invented practice" in policy["body"]


@pytest.mark.parametrize("address", BODIES)
def test_a_text_holds_only_tags_that_survive_cleaning(address):
    body = BODIES[address]
    assert set(re.findall(r"</?([a-z0-9]+)", body)) <= ALLOWED
    assert sanitise(body).replace(' rel="noopener"', "") == body
    for tag in ALLOWED:
        assert len(re.findall(rf"<{tag}[ >]", body)) == body.count(f"</{tag}>")


def test_every_link_inside_the_site_leads_somewhere():
    links = re.findall(r'href="(/[^"]*)"', "".join(BODIES.values()))
    assert len(links) > 20
    assert set(links) - set(BODIES) - FIXED_PAGES == set()


def test_every_name_that_refers_to_something_is_there():
    slugs = {
        kind: {entry["slug"] for entry in entries}
        for kind, entries in {**PRACTICE, "treatments": TREATMENTS}.items()
        if isinstance(entries, list) and "slug" in entries[0]
    }
    for article in ARTICLES:
        assert article["category"] in slugs["categories"]
        assert article["author"] in slugs["providers"]
        assert set(article["treatments"]) <= slugs["treatments"]
        assert article["treatments"]
    for treatment in TREATMENTS:
        assert treatment["category"] in slugs["categories"]
        assert set(treatment["performed_by"]) <= slugs["providers"]
    for offer in PRACTICE["offers"]:
        assert set(offer["treatments"]) <= slugs["treatments"]
    assert {said["treatment"] for said in PRACTICE["testimonials"]} <= slugs["treatments"]
    written = {path.stem for path in (content.FOLDER / "articles").iterdir()}
    assert written == {article["slug"] for article in ARTICLES}


def test_the_two_questions_are_answered_with_what_the_evidence_is():
    for slug in ("can-botulinum-toxin-help-acne", "does-botulinum-toxin-shrink-pores"):
        words = plain(BODIES[f"/articles/{slug}/"])
        assert "20" in words
        assert "17" in words or "Seventeen" in words
        assert re.search(r"own judges|judged themselves", words)
        assert re.search(r"names no dose|dose is not given", words)


def test_no_sentence_of_other_peoples_pages_is_used():
    assert set(sentence_hashes(everything_written())) & OTHER_PEOPLES_SENTENCES == set()


def test_the_comparison_finds_a_sentence_whatever_its_tags_and_case():
    (known,) = sentence_hashes("pores have no muscle and cannot close")
    assert known in set(sentence_hashes(everything_written()))
    assert known not in OTHER_PEOPLES_SENTENCES


def test_persons_and_practice_are_reachable_only_in_fiction():
    written = everything_written()
    phones = re.findall(r"\+?1?\d{3}-?\d{3}-?\d{4}", written)
    assert phones
    assert {phone for phone in phones if not re.fullmatch(r"(\+1)?704-?555-?01\d\d", phone)} == set()
    assert {host for host in re.findall(r"@([\w.-]+\w)", written) if not host.endswith(".example")} == set()


def test_no_brand_is_promoted_and_nothing_is_left_to_fill_in():
    unwanted = r"botox|dysport|xeomin|jeuveau|daxxify|juv[eé]derm|restylane|lorem|ipsum|todo|fixme"
    assert re.findall(unwanted, everything_written(), re.IGNORECASE) == []


# The drawings and the films


@pytest.mark.parametrize("draw", [drawing.stem, drawing.portrait, drawing.place])
def test_a_drawing_is_the_same_for_the_same_number_and_another_for_another(draw):
    picture = draw(7, 160, 120)
    assert (picture.size, picture.mode) == ((160, 120), "RGB")
    assert draw(7, 160, 120).tobytes() == picture.tobytes()
    assert draw(8, 160, 120).tobytes() != picture.tobytes()


@pytest.mark.parametrize(
    ("colour", "expected"),
    [((1, 0, 0), (255, 255, 255)), ((0, 0, 0), (0, 0, 0)), ((0.62796, 0.25768, 29.234), (255, 0, 0))],
)
def test_oklch_becomes_the_srgb_that_browsers_show(colour, expected):
    assert drawing.oklch(*colour) == expected


def test_every_picture_has_a_seed_of_its_own():
    plates = re.findall(r'kind = "(\w+)", seed = (\d+)', everything_written())
    assert [plate for plate, times in Counter(plates).items() if times > 1] == []


@pytest.mark.parametrize("name", ["banner.mp4", "testimonial.mp4"])
def test_a_film_is_small_silent_and_starts_before_it_is_whole(name):
    film = content.clip(name).read_bytes()
    assert len(film) < 900_000
    assert film.index(b"moov") < film.index(b"mdat")
    assert b"avc1" in film
    assert b"soun" not in film


def test_the_films_together_stay_below_two_megabytes():
    assert sum(path.stat().st_size for path in (content.FOLDER / "clips").iterdir()) < 2_000_000


def test_the_captions_say_the_words_of_the_transcript_in_order():
    film = next(said for said in PRACTICE["testimonials"] if "video" in said)
    captions = content.clip(film["captions"]).read_text()
    words = film["transcript"].strip().split("\n\n")[1].splitlines()
    assert captions.startswith("WEBVTT\n")
    assert re.findall(r"-->.*\n(.+)", captions)[1:] == words
    assert film["by_physician"] is True
