"""xmp/: sidecar files with the class as keyword, for photo libraries."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from protolabel.exporting.job import Writer

if TYPE_CHECKING:
    from protolabel.exporting.job import ExportJob

__all__ = ["XMP", "write_xmp"]

_SIDECAR = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
   <dc:subject><rdf:Bag><rdf:li>{keyword}</rdf:li></rdf:Bag></dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


def write_xmp(job: ExportJob) -> None:
    """Write ``xmp/<name of the image>.xmp`` for every image that is in a class.

    The tree is that of the folder of the images, so that it can be copied over a photo library.
    The class is a keyword, ``dc:subject`` of the XMP specification, part 1.
    """
    root = job.folder / "xmp"
    root.mkdir()
    made = set()
    for index, name in enumerate(job.images.names):
        if job.labels.unfit[index] or ".." in PurePosixPath(name).parts:
            continue
        path = root / f"{name}.xmp"
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        keyword = escape(job.labels.names[job.labels.label[index]])
        path.write_text(_SIDECAR.format(keyword=keyword), "utf-8", "backslashreplace")


XMP = Writer(
    name="xmp",
    title="XMP sidecars",
    description="a sidecar for each image with its class as keyword, for photo libraries",
    files=("xmp/",),
    write=write_xmp,
    usage="""\
In a photo library, without replacing sidecars that are there:
  cp -rn xmp/. FOLDER_OF_THE_PHOTOS""",
)
