"""An upload becomes renditions without metadata; what is no picture is refused with words that help."""

import contextlib
import io
import zlib
from wsgiref.util import setup_testing_defaults

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage, storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from PIL import Image as Pillow
from PIL import ImageCms, ImageDraw

from clinic import images
from clinic.models import Image
from tests.factories import NOON, make_image, picture_file

GPS = 0x8825  # the GPS directory
ORIENTATION = 0x0112
# What Pillow reports of any JPEG or WebP.
ABOUT_THE_FORMAT = {
    *("jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression"),
    *("loop", "background", "timestamp", "duration"),
}
NO_PICTURE = "This is not a JPEG, PNG, WebP or AVIF picture."
DAMAGED = "This picture is damaged. Save it anew and try again."
TOO_LARGE = "This picture has more than 40 megapixels. Save it smaller and try again."


def exif(**extra):
    tags = Pillow.Exif()
    tags[0x010F] = "Acme Camera"
    tags[0x9003] = "2026:01:02 03:04:05"
    tags.get_ifd(GPS).update({1: "N", 2: (40.0, 44.0, 54.0), 3: "W", 4: (73.0, 59.0, 8.0)})
    for tag, value in extra.values():
        tags[tag] = value
    return tags


def opened(rendition):
    with rendition.file.open("rb") as file:
        picture = Pillow.open(io.BytesIO(file.read()))
        picture.load()
        return picture


def colours(image):
    """The colour in the middle of each rendition."""
    found = []
    for rendition in image.renditions.all():
        picture = opened(rendition).convert("RGB")
        found.append(picture.getpixel((picture.width // 2, picture.height // 2)))
    return found


def near(colour, expected):
    return all(abs(one - other) <= 6 for one, other in zip(colour, expected, strict=True))


def refused(file):
    with pytest.raises(ValidationError) as refusal:
        images.add(file=file, title="Upload", alt="Something.")
    assert not Image.objects.exists()
    return refusal.value.messages


def test_the_upload_itself_holds_the_position_that_the_next_test_looks_for():
    assert Pillow.open(picture_file(exif=exif())).getexif().get_ifd(GPS) != {}


@pytest.mark.parametrize("with_profile", [True, False])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_no_rendition_holds_metadata(db, kind, with_profile):
    said = {"exif": exif(), "xmp": b"<x:xmpmeta>Elm Street</x:xmpmeta>", "comment": b"Ann, 12 Elm Street"}
    if with_profile:
        said["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    image = make_image(file=picture_file(size=(500, 20), kind=kind, **said))

    for rendition in image.renditions.all():
        picture = opened(rendition)
        assert dict(picture.getexif()) == {}
        assert set(picture.info) <= ABOUT_THE_FORMAT
        with rendition.file.open("rb") as stored:
            content = stored.read()
        assert [word for word in (b"Acme", b"Elm Street", b"Exif", b"ICC_PROFILE", b"ICCP") if word in content] == []


def test_orientation_is_applied_and_the_size_is_that_of_the_upright_picture(db):
    picture = Pillow.new("RGB", (600, 300), "red")
    ImageDraw.Draw(picture).rectangle((300, 0, 600, 300), fill="blue")  # right half, at the bottom once it is upright
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", exif=exif(turned=(ORIENTATION, 6)), quality=95)

    image = make_image(file=SimpleUploadedFile("phone.jpg", buffer.getvalue()))

    assert (image.width, image.height) == (300, 600)
    for rendition in image.renditions.all():
        upright = opened(rendition).convert("RGB")
        assert upright.size == (rendition.width, rendition.height) == (300, 600)
        assert near(upright.getpixel((150, 100)), (254, 0, 0))
        assert near(upright.getpixel((150, 500)), (0, 0, 254))


def test_a_large_picture_has_three_widths_in_two_formats(db):
    image = make_image(file=picture_file(size=(2000, 1000)))

    assert list(image.renditions.values_list("format", "width", "height").order_by("format", "width")) == [
        ("jpeg", 480, 240),
        ("jpeg", 960, 480),
        ("jpeg", 1600, 800),
        ("webp", 480, 240),
        ("webp", 960, 480),
        ("webp", 1600, 800),
    ]
    for rendition in image.renditions.all():
        picture = opened(rendition)
        assert (picture.format.lower(), picture.size) == (rendition.format, (rendition.width, rendition.height))


def test_a_small_picture_is_not_enlarged(db):
    image = make_image(file=picture_file(size=(600, 200)))

    widths = image.renditions.values_list("format", "width", "height").order_by("format", "width")
    assert list(widths) == [("jpeg", 480, 160), ("jpeg", 600, 200), ("webp", 480, 160), ("webp", 600, 200)]


def test_a_page_gets_webp_first_and_the_widest_jpeg_as_fallback(db):
    image = make_image(file=picture_file(size=(600, 200)))

    assert [source.format for source in image.sources] == ["image/webp", "image/jpeg"]
    assert [part.split(" ")[1] for part in image.sources[0].srcset.split(", ")] == ["480w", "600w"]
    assert (image.fallback.format, image.fallback.width, image.fallback.height) == ("jpeg", 600, 200)


@pytest.mark.parametrize(
    ("mode", "color", "kind", "expected"),
    [
        ("RGBA", (255, 0, 0, 0), "PNG", (255, 255, 255)),
        ("RGBA", (255, 0, 0, 128), "PNG", (255, 127, 127)),
        ("LA", (0, 0), "PNG", (255, 255, 255)),
        ("RGBA", (255, 0, 0, 0), "WEBP", (255, 255, 255)),
        ("CMYK", (0, 255, 255, 0), "JPEG", (254, 0, 0)),
        ("L", 90, "JPEG", (90, 90, 90)),
        ("1", 1, "PNG", (255, 255, 255)),
        ("I;16", 32896, "PNG", (128, 128, 128)),
        ("RGB", (10, 120, 200), "AVIF", (10, 120, 200)),
    ],
)
def test_every_kind_of_colour_comes_out_right_on_paper(db, mode, color, kind, expected):
    file = picture_file(size=(60, 40), mode=mode, color=color, kind=kind)

    found = colours(make_image(file=file))

    assert len(found) == 2
    assert [colour for colour in found if not near(colour, expected)] == []


def test_the_transparent_colour_of_a_palette_becomes_paper(db):
    found = colours(make_image(file=picture_file(size=(60, 40), mode="P", color=0, kind="PNG", transparency=0)))

    assert [colour for colour in found if not near(colour, (255, 255, 255))] == []


def test_another_colour_space_is_converted_to_srgb(db):
    """In a space whose red and green are exchanged, what the file calls red is green."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exchanged = srgb.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    file = picture_file(size=(60, 40), color=(255, 0, 0), icc_profile=exchanged)

    assert [colour for colour in colours(make_image(file=file)) if not near(colour, (0, 255, 0))] == []


def test_a_profile_that_cannot_be_read_does_not_cost_the_picture(db):
    file = picture_file(size=(60, 40), color=(10, 120, 200), icc_profile=b"no profile at all")

    assert [colour for colour in colours(make_image(file=file)) if not near(colour, (10, 120, 200))] == []


# What is refused


def bomb(width, height):
    """A 1-bit PNG of that size, a few kilobytes long."""

    def chunk(kind, content):
        body = kind + content
        return len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([1, 0, 0, 0, 0])
    packed = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    rows = b"".join([packed.compress(row * height), packed.flush()])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_forty_megapixels_are_accepted(db):
    image = images.add(file=SimpleUploadedFile("large.png", bomb(8000, 5000)), title="Large", alt="Large.")

    assert (image.width, image.height) == (8000, 5000)


@pytest.mark.parametrize(("width", "height"), [(8200, 5000), (10000, 9500), (30000, 30000)])
def test_more_than_forty_megapixels_are_refused(db, width, height):
    assert refused(SimpleUploadedFile("bomb.png", bomb(width, height))) == [TOO_LARGE]


def test_a_picture_that_is_too_tall_for_its_width_is_refused(db):
    refusal = ["This picture is too tall for its width. Cut a piece out of it and try again."]

    assert refused(SimpleUploadedFile("screens.png", bomb(300, 16384))) == refusal
    assert refused(SimpleUploadedFile("screens.png", bomb(1700, 17500))) == refusal
    assert len(images.encode(images.read(io.BytesIO(bomb(10, 16383))))) == 2


def test_more_than_thirty_megabytes_are_refused(db):
    file = picture_file()
    file.size = images.MOST_BYTES + 1

    assert refused(file) == ["This file is larger than 30 MB."]


def gif_with_script():
    return picture_file(kind="GIF").read() + b"<script>alert(1)</script>"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 1000,
        b"rubbish",
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b"%PDF-1.7",
        gif_with_script(),
        b"<html><script>alert(1)</script>",
    ],
    ids=["empty", "zeros", "rubbish", "svg", "pdf", "gif", "html"],
)
def test_what_is_no_picture_is_refused_whatever_its_name_says(db, content):
    assert refused(SimpleUploadedFile("harmless.jpg", content, "image/jpeg")) == [NO_PICTURE]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_picture_is_refused(db, kind):
    whole = picture_file(size=(400, 300), mode="RGB", color=(9, 99, 199), kind=kind).read()

    assert refused(SimpleUploadedFile("half.jpg", whole[: len(whole) // 2])) == [DAMAGED]


def test_a_picture_with_damaged_bytes_is_refused_or_read_and_never_an_error(db):
    whole = picture_file(size=(64, 64), kind="PNG", exif=exif()).read()

    for place in range(8, len(whole), 7):
        changed = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        with contextlib.suppress(ValidationError):
            images.read(io.BytesIO(changed))


def test_a_script_that_follows_a_picture_is_in_no_rendition(db):
    file = SimpleUploadedFile("both.jpg", picture_file().read() + b"<script>alert(1)</script>")

    for rendition in make_image(file=file).renditions.all():
        with rendition.file.open("rb") as stored:
            assert b"<script>" not in stored.read()


def test_a_picture_is_described_or_marked_as_decorative(db):
    with pytest.raises(ValidationError, match="Describe the picture, or mark it as decorative"):
        images.add(file=picture_file(), title="Lamp")
    with pytest.raises(IntegrityError), transaction.atomic():
        Image.objects.create(title="Lamp", original="x.jpg", width=1, height=1)

    assert images.add(file=picture_file(), title="Line", is_decorative=True).alt == ""
    assert images.add(file=picture_file(), title="Lamp", alt="A lamp.").alt == "A lamp."


def test_a_refused_upload_leaves_no_file_behind(db):
    def kept():
        return sorted(path for path in settings.PRIVATE_MEDIA_ROOT.rglob("*") if path.is_file())

    before = kept()
    with pytest.raises(ValidationError):
        images.add(file=picture_file(), title="Lamp")

    assert kept() == before


# Files


def get(path):
    """Asks the web server's own entry, media included; returns the status and the body."""
    from clinic.wsgi import application

    environ = {"PATH_INFO": path, "SERVER_NAME": "127.0.0.1", "HTTP_HOST": "127.0.0.1"}
    setup_testing_defaults(environ)
    started = []
    body = b"".join(application(environ, lambda status, headers: started.append((status, dict(headers)))))
    return started[0][0][:3], started[0][1], body


@pytest.mark.django_db(transaction=True)
def test_a_rendition_is_served_and_its_original_is_not():
    image = make_image(file=picture_file(exif=exif()))
    with image.original.open("rb") as file:
        original = file.read()
    name = image.original.name

    status, headers, body = get(image.fallback.file.url)
    assert (status, headers["Content-Type"]) == ("200", "image/jpeg")
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert body != original
    private = settings.PRIVATE_MEDIA_ROOT.name
    for path in (
        f"/media/{name}",
        f"/media/../{private}/{name}",
        f"/media/%2e%2e/{private}/{name}",
        f"/{private}/{name}",
    ):
        status, _headers, body = get(path)
        assert (status, original in body) == ("404", False)


def test_an_original_is_readable_by_its_owner_alone(db):
    image = make_image()

    assert oct((settings.PRIVATE_MEDIA_ROOT / image.original.name).stat().st_mode & 0o777) == "0o600"


@pytest.mark.django_db(transaction=True)
def test_renditions_made_anew_replace_the_old_files():
    image = make_image()
    old = [rendition.file.name for rendition in image.renditions.all()]

    images.render(image, now=NOON)

    new = [rendition.file.name for rendition in Image.objects.get().renditions.all()]
    assert (len(old), len(new)) == (4, 4)
    assert [default_storage.exists(name) for name in old + new] == [False] * 4 + [True] * 4


@pytest.mark.django_db(transaction=True)
def test_a_removed_picture_takes_all_its_files_with_it():
    """A patient who withdraws consent is not to be found in a folder later."""
    image, other = make_image(), make_image()
    names = [rendition.file.name for rendition in image.renditions.all()]
    original = image.original.name

    images.remove(image)

    assert not storages["private"].exists(original)
    assert [name for name in names if default_storage.exists(name)] == []
    assert list(Image.objects.all()) == [other]
    assert all(default_storage.exists(rendition.file.name) for rendition in other.renditions.all())


def test_a_picture_that_was_removed_meanwhile_is_not_rendered(db):
    image = make_image(rendered=False)
    Image.objects.all().delete()

    images.render(image, now=NOON)

    assert image.renditions.count() == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"rubbish", NO_PICTURE),
        (None, "The file is missing."),
        ("a folder", "It cannot be made into pictures for the site. Save it anew and try again."),
    ],
    ids=["broken", "missing", "folder"],
)
def test_a_stored_file_that_cannot_be_read_is_recorded_and_not_tried_again(db, content, reason):
    image = make_image(rendered=False)
    path = settings.PRIVATE_MEDIA_ROOT / image.original.name
    path.unlink()
    if content == "a folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    assert list(Image.objects.waiting()) == [image]

    images.render(image, now=NOON)

    image.refresh_from_db()
    assert (image.error, image.rendered_at) == (reason, None)
    assert (list(Image.objects.waiting()), list(Image.objects.broken())) == ([], [image])
