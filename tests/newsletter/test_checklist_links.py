"""Whether each link of a mailing is tried, what is said of it, and that nobody gets at the inside through it."""

import contextlib
import ssl
import subprocess
import threading
import time
from datetime import timedelta
from ipaddress import ip_address

import pytest

from articles.models import Article
from newsletter.services.checklist import Network, Verdict, following, network, slow
from newsletter.services.checklist.network import is_public
from tests.factories import NOON, make_article, make_campaign, make_offer
from tests.newsletter.outside import SILENCE, drips, names, site

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("practice")]


@pytest.fixture
def own(settings):
    with site() as ours:
        settings.BASE_URL = f"http://127.0.0.1:{ours.port}"
        yield ours


@pytest.fixture
def shop():
    """Somebody else's website; `outside` finds it as shop.example."""
    with site() as theirs:
        yield theirs


@pytest.fixture
def dns():
    with names(records={("shop.example", "A"): ["127.0.0.1"]}) as server:
        yield server


@pytest.fixture
def outside(dns, shop):
    """As real, but for loopback standing in for the world."""
    return Network(("127.0.0.1",), dns.port, frozenset({shop.port}), lambda address: True)


def strict(network):
    """The same names and ports, with the rule of addresses that holds outside of tests."""
    return Network(network.nameservers, network.dns_port, network.ports)


def said(network, *urls, **fields):
    blocks = [{"kind": "button", "heading": f"Page {number}", "link": url} for number, url in enumerate(urls)]
    return lines(make_campaign(blocks=blocks, **fields), network)


def lines(campaign, network):
    found = slow(campaign, now=NOON, network=network)
    return [(check.verdict, check.words) for check in found if check.name == "Links"]


def test_every_link_is_tried_once_wherever_it_stands_and_without_its_body(own, shop, outside):
    campaign = make_campaign(
        introduction=f'<p><a href="{shop.url("/a", "shop.example")}">A</a> <a href="mailto:ann@example.com">B</a></p>',
        blocks=[
            {"kind": "text", "text": f'<p><a href="{shop.url("/b?x=1&amp;y=é", "shop.example")}">C</a></p>'},
            {"kind": "button", "heading": "D", "link": "/treatments/"},
            {"kind": "button", "heading": "E", "link": shop.url("/a#part", "shop.example")},
            {"kind": "button", "heading": "F", "link": shop.url("/a", "shop.example")},
            {"kind": "button", "heading": "G", "link": "tel:+12125550142"},
            {"kind": "offer", "offer": make_offer(slug="lamp")},
        ],
    )

    assert lines(campaign, outside) == [(Verdict.OK, "6 links answer.")]
    assert sorted(shop.asked) == [("HEAD", "/a"), ("HEAD", "/a"), ("HEAD", "/b?x=1&y=%C3%A9")]
    assert sorted(own.asked) == [
        ("HEAD", f"/appointments/request/?offer=lamp&from={campaign.code}"),
        ("HEAD", f"/offers/?from={campaign.code}"),
        ("HEAD", f"/treatments/?from={campaign.code}"),
    ]


def test_who_asks_says_so_and_brings_nothing_along(own, shop, outside):
    said(outside, f"http://ann:secret@shop.example:{shop.port}/")
    assert shop.headers == {
        "Host": f"shop.example:{shop.port}",
        "User-Agent": f"127.0.0.1-link-check (+http://127.0.0.1:{own.port}/)",
        "Accept": "*/*",
        "Connection": "close",
    }


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        (404, Verdict.STOP, "leads nowhere: the page is not there (404)."),
        (410, Verdict.STOP, "leads nowhere: the page is not there (410)."),
        (500, Verdict.WARNING, "does not work at the moment (500)."),
        (503, Verdict.WARNING, "does not work at the moment (503)."),
        (403, Verdict.UNKNOWN, "does not let programs look (403). Open it yourself."),
        (429, Verdict.UNKNOWN, "does not let programs look (429). Open it yourself."),
    ],
)
def test_what_a_status_means(shop, outside, status, verdict, words):
    shop.pages["/x"] = status
    url = shop.url("/x", "shop.example")
    assert said(outside, url, shop.url("/", "shop.example")) == [
        (verdict, f"{url} {words}"),
        (Verdict.OK, "1 link answers."),
    ]


@pytest.mark.parametrize("refusal", [405, 501, 403, 404])
def test_who_refuses_head_is_asked_as_a_reader_asks(shop, outside, refusal):
    def page(handler):
        handler.send_response(refusal if handler.command == "HEAD" else 200)
        handler.end_headers()

    shop.pages["/x"] = page
    assert said(outside, shop.url("/x", "shop.example")) == [(Verdict.OK, "1 link answers.")]
    assert shop.asked == [("HEAD", "/x"), ("GET", "/x")]


def test_redirects_are_followed_three_times(shop, outside):
    for number in range(4):
        shop.pages[f"/{number}"] = (301, f"/{number + 1}")
    assert said(outside, shop.url("/1", "shop.example")) == [(Verdict.OK, "1 link answers.")]
    assert [path for _method, path in shop.asked] == ["/1", "/2", "/3", "/4"]

    url = shop.url("/0", "shop.example")
    assert said(outside, url) == [(Verdict.WARNING, f"{url} is redirected again and again. Link to where it ends.")]


def test_a_link_behind_a_redirect_that_leads_nowhere_is_told(shop, outside):
    shop.pages |= {"/x": (302, "gone"), "/gone": 404}
    url = shop.url("/x", "shop.example")
    assert said(outside, url) == [(Verdict.STOP, f"{url} leads nowhere: the page is not there (404).")]


def test_a_link_behind_a_redirect_to_no_address_is_told(shop, outside):
    shop.pages["/x"] = (302, "http://[")
    url = shop.url("/x", "shop.example")
    assert said(outside, url) == [(Verdict.STOP, f"{url} is redirected to what is no address of the web.")]


def test_a_site_with_many_header_fields_is_one_like_any_other(shop, outside):
    def page(handler):
        handler.send_response(302)
        for number in range(120):
            handler.send_header(f"X-{number}", "y")
        handler.send_header("LOCATION", "/there")
        handler.end_headers()

    shop.pages["/x"] = page
    assert said(outside, shop.url("/x", "shop.example")) == [(Verdict.OK, "1 link answers.")]
    assert [path for _method, path in shop.asked] == ["/x", "/there"]


PRIVATE = [
    "127.0.0.1",
    "127.8.9.10",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]
ELSEWHERE = "leads into a private network, where no reader gets."


@pytest.mark.parametrize("address", PRIVATE)
def test_no_private_address_is_taken_for_a_public_one(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_are(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "[::1]", "169.254.169.254", "[::ffff:127.0.0.1]"])
def test_a_link_to_a_private_address_is_never_opened(shop, outside, host):
    url = shop.url("/x", host)
    assert said(strict(outside), url) == [(Verdict.STOP, f"{url} {ELSEWHERE}")]
    assert shop.asked == []


def test_nor_a_name_that_resolves_to_one_and_the_rule_alone_holds_it_back(dns, shop, outside):
    dns.records |= {
        ("both.example", "A"): ["93.184.216.34", "127.0.0.1"],
        ("six.example", "AAAA"): ["::1"],
    }
    for host in ("shop.example", "both.example", "six.example"):
        url = shop.url("/x", host)
        assert said(strict(outside), url) == [(Verdict.STOP, f"{url} {ELSEWHERE}")]
    assert shop.asked == []

    # The same name without the rule: the server would have been reached.
    assert said(outside, shop.url("/x", "shop.example")) == [(Verdict.OK, "1 link answers.")]
    assert shop.asked == [("HEAD", "/x")]


def test_nor_behind_a_redirect(dns, shop):
    """127.0.0.2 stands in for the world; the shop on 127.0.0.1 is the inside."""
    with site(host="127.0.0.2") as world:
        dns.records["world.example", "A"] = ["127.0.0.2"]
        network = Network(
            ("127.0.0.1",), dns.port, frozenset({world.port, shop.port}), lambda it: str(it) == "127.0.0.2"
        )
        targets = ["http://127.0.0.1", "http://shop.example", "http://[::1]", "http://169.254.169.254"]
        for number, target in enumerate(targets):
            world.pages[f"/{number}"] = (302, f"{target}:{shop.port}/x")
            url = world.url(f"/{number}", "world.example")
            assert said(network, url) == [(Verdict.STOP, f"{url} {ELSEWHERE}")]
        assert len(world.asked) == len(targets)
        assert shop.asked == []

        free = Network(network.nameservers, dns.port, network.ports, lambda address: True)
        assert said(free, world.url("/1", "world.example")) == [(Verdict.OK, "1 link answers.")]
        assert shop.asked == [("HEAD", "/x")]


def test_the_address_that_was_looked_at_is_the_one_that_is_opened(dns, shop):
    """A name that changes its mind (DNS rebinding): public when it is looked at, private a moment later."""
    with site(host="127.0.0.2", port=shop.port) as world:
        dns.records["turns.example", "A"] = [["127.0.0.2"], ["127.0.0.1"]]
        network = Network(("127.0.0.1",), dns.port, frozenset({shop.port}), lambda it: str(it) == "127.0.0.2")

        assert said(network, shop.url("/x", "turns.example")) == [(Verdict.OK, "1 link answers.")]

        assert (world.asked, shop.asked) == ([("HEAD", "/x")], [])
        assert dns.asked.count(("turns.example", "A")) == 1
        # Each further request looks again: now it is private.
        url = shop.url("/x", "turns.example")
        assert said(network, url) == [(Verdict.STOP, f"{url} {ELSEWHERE}")]
        assert shop.asked == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "017700000001", "127.1", "0x7f.1"])
def test_other_spellings_of_an_address_are_names_that_nobody_has(shop, outside, host):
    url = shop.url("/x", host)
    assert said(outside, url) == [(Verdict.STOP, f"{url} leads nowhere: there is no site of that name.")]
    assert shop.asked == []


@pytest.mark.parametrize("port", [22, 5432, 6379, 8080])
def test_other_ports_are_not_tried(dns, port):
    url = f"http://shop.example:{port}/"
    assert said(Network(("127.0.0.1",), dns.port), url) == [
        (Verdict.UNKNOWN, f"{url} could not be checked: only http and https on their own ports are tried.")
    ]


def test_nor_other_schemes_behind_a_redirect(shop, outside):
    for number, target in enumerate(["file:///etc/passwd", "gopher://shop.example/", "ftp://shop.example/"]):
        shop.pages[f"/{number}"] = (302, target)
        url = shop.url(f"/{number}", "shop.example")
        assert said(outside, url) == [
            (Verdict.UNKNOWN, f"{url} could not be checked: only http and https on their own ports are tried.")
        ]


@pytest.mark.parametrize("url", ["http://exa mple.com/", "http://[::1/", "http://shop.example:99999/", "http:///x"])
def test_what_is_no_address_is_told(outside, url):
    assert said(outside, url) == [(Verdict.STOP, f"{url} is not an address of the web.")]


def test_nothing_can_be_smuggled_into_the_request(shop, outside):
    shop.pages["/x"] = (302, "/y%0d%0aX-Evil: 1 HTTP/1.1")
    said(outside, shop.url("/x", "shop.example"))
    assert shop.asked == [("HEAD", "/x"), ("HEAD", "/y%0d%0aX-Evil:%201%20HTTP/1.1")]
    assert "X-Evil" not in shop.headers


def test_our_own_site_may_stand_on_any_address_but_its_neighbours_are_private(own, shop, outside):
    network = strict(outside)
    beside = shop.url("/x")
    assert said(network, "/treatments/", beside) == [
        (Verdict.STOP, f"{beside} {ELSEWHERE}"),
        (Verdict.OK, "1 link answers."),
    ]
    assert shop.asked == []


def test_an_article_that_appears_later_is_not_missed_now(own, outside):
    later = make_article(slug="soon", published_at=NOON + timedelta(days=1))
    draft = make_article(slug="draft", status=Article.Status.DRAFT)
    public = make_article(slug="here", published_at=NOON)
    own.pages = {"/articles/soon/": 404}
    campaign = make_campaign(blocks=[{"kind": "article", "article": article} for article in (later, draft, public)])

    ending = "could not be checked: its article is not on the site yet."
    assert lines(campaign, outside) == [
        (Verdict.OK, "1 link answers."),
        (Verdict.UNKNOWN, f"http://127.0.0.1:{own.port}/articles/soon/?from={campaign.code} {ending}"),
        (Verdict.UNKNOWN, f"http://127.0.0.1:{own.port}/articles/draft/?from={campaign.code} {ending}"),
    ]
    assert own.asked == [("HEAD", f"/articles/here/?from={campaign.code}")]


def test_names_that_do_not_exist_and_names_that_nobody_answers_for(monkeypatch, dns, outside, shop):
    # Else three seconds pass.
    monkeypatch.setattr(network, "LOOK_UP", 0.5)
    dns.records["quiet.example"] = SILENCE
    nowhere, quiet = shop.url("/", "nowhere.example"), shop.url("/", "quiet.example")
    assert said(outside, nowhere, quiet) == [
        (Verdict.STOP, f"{nowhere} leads nowhere: there is no site of that name."),
        (Verdict.UNKNOWN, f"{quiet} could not be checked: its name could not be looked up."),
    ]


def test_who_cannot_be_reached_or_speaks_another_language(dns, outside, shop):
    shop.pages["/x"] = lambda handler: handler.wfile.write(b"220 mail.example ESMTP\r\n\r\n")
    shop.pages["/y"] = lambda handler: None
    shop.pages["/z"] = lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000)
    dns.records["closed.example", "A"] = ["127.0.0.9"]
    other = [shop.url(path, "shop.example") for path in ("/x", "/y", "/z")]
    closed = shop.url("/", "closed.example")
    assert said(outside, *other, closed) == [
        *((Verdict.UNKNOWN, f"{url} could not be checked: what answers there is no website.") for url in other),
        (Verdict.UNKNOWN, f"{closed} could not be checked: it cannot be reached from here."),
    ]


def test_a_site_that_drips_is_given_up_and_all_links_together_too(monkeypatch, outside, shop):
    shop.pages["/slow"] = drips
    url = shop.url("/slow", "shop.example")
    late = "could not be checked: it did not answer in time."
    with monkeypatch.context() as hasty:
        hasty.setattr(following, "PATIENCE", 0.3)
        assert said(outside, url) == [(Verdict.UNKNOWN, f"{url} {late}")]

    # One after the other, five at a time, would take twenty seconds.
    monkeypatch.setattr(following, "ALL_PATIENCE", 0.5)
    began = time.monotonic()
    urls = [f"{url}?{number}" for number in range(20)]
    shop.pages |= {f"/slow?{number}": drips for number in range(20)}
    assert said(outside, *urls) == [(Verdict.UNKNOWN, f"{url} {late}") for url in urls]
    assert time.monotonic() - began < 10


def test_five_are_asked_at_once(outside, shop):
    here, most, five = [], [], threading.Barrier(5)

    def page(handler):
        here.append(handler)
        most.append(len(here))
        with contextlib.suppress(threading.BrokenBarrierError):
            five.wait(3)
        # Before the answer, which lets the next one come.
        here.remove(handler)
        handler.send_response(200)
        handler.end_headers()

    shop.pages = {f"/{number}": page for number in range(20)}
    assert said(outside, *(shop.url(path, "shop.example") for path in shop.pages)) == [(Verdict.OK, "20 links answer.")]
    assert (five.broken, max(most)) == (False, 5)


def test_the_patience_for_all_fits_into_what_is_promised():
    assert (network.LOOK_UP, following.PATIENCE) == (3, 5)
    assert following.ALL_PATIENCE < 15


def test_twenty_links_are_tried_and_the_rest_is_counted(outside, shop):
    urls = [shop.url(f"/{number}", "shop.example") for number in range(23)]
    assert said(outside, *urls) == [
        (Verdict.OK, "20 links answer."),
        (Verdict.UNKNOWN, "3 more links were not tried."),
    ]
    assert len(shop.asked) == 20


def test_a_mailing_without_links_says_nothing_of_them(outside):
    assert said(outside) == []


@pytest.fixture
def secure(tmp_path):
    """A site with a certificate for shop.example by an authority of the test's own; gives (site, authority file)."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=shop.example"
    wanted = ["-addext", "subjectAltName=DNS:shop.example", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *wanted], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with site(tls=context) as made:
        yield made, certificate


def test_certificates_are_checked_against_the_name_in_the_link(monkeypatch, dns, secure):
    shop, authority = secure
    dns.records["other.example", "A"] = ["127.0.0.1"]
    network = Network(("127.0.0.1",), dns.port, frozenset({shop.port}), lambda address: True)
    good, wrong = f"https://shop.example:{shop.port}/", f"https://other.example:{shop.port}/"
    warned = "has a certificate that is not in order: browsers warn of it."
    assert said(network, good) == [(Verdict.WARNING, f"{good} {warned}")]

    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    network = Network(("127.0.0.1",), dns.port, frozenset({shop.port}), lambda address: True)
    assert said(network, good, wrong) == [(Verdict.WARNING, f"{wrong} {warned}"), (Verdict.OK, "1 link answers.")]
    assert shop.asked == [("HEAD", "/")]
