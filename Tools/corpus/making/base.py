"""What the pictures are made of: a photograph of the test tree, and a few boxes and blocks that several formats share."""

import functools
import io
import struct
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

MEDIA = Path(__file__).resolve().parents[3] / "Tests" / "Fixtures" / "media"


@functools.cache
def astronaut():
    return Image.open(MEDIA / "astronaut.jpg").convert("RGB")


def photo(width=61, height=43):
    """A face, small and without symmetry."""
    return astronaut().crop((190, 60, 190 + 2 * width, 60 + 2 * height)).resize((width, height), Image.Resampling.BOX)


def translucent(image=None):
    image = (image or photo()).copy()
    alpha = np.add.outer(np.arange(image.height) * 9, np.arange(image.width) * 5) % 256
    image.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return image


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ffmpeg(*arguments, source=b""):
    return subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin" if not source else "-y", *arguments],
        input=source or None, stdout=subprocess.PIPE, check=True,
    ).stdout  # fmt: skip


def exif(orientation=None, order="<", entries=(), magic=42, start=8, count=None, prefix=b"Exif\0\0"):
    """An Exif block: the orientation and other entries (tag, type, count, four bytes)."""
    listed = list(entries)
    if orientation is not None:
        value = struct.pack(order + "HH", orientation, 0)
        listed.append((0x112, 3, 1, value))
    listed.sort()
    body = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", magic, start)
    body += struct.pack(order + "H", len(listed) if count is None else count)
    for tag, kind, number, value in listed:
        body += struct.pack(order + "HHI", tag, kind, number) + value
    return prefix + body + struct.pack(order + "I", 0)


def xmp(orientation, element=False):
    said = f"<tiff:Orientation>{orientation}</tiff:Orientation>" if element else ""
    attribute = "" if element else f' tiff:Orientation="{orientation}"'
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        f' xmlns:tiff="http://ns.adobe.com/tiff/1.0/"{attribute}>{said}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    ).encode()


@functools.cache
def profile():
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@functools.cache
def clip():
    """A short MP4, as phones append it to a picture."""
    return (MEDIA / "formats" / "one-frame.mp4").read_bytes()
