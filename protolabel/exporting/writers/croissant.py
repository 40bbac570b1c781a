"""croissant.json: what the table of labels holds, for search engines and mlcroissant."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from protolabel.exporting.job import Writer

if TYPE_CHECKING:
    from protolabel.exporting.job import ExportJob

__all__ = ["CROISSANT", "write_croissant"]

# The JSON-LD context of the specification, https://docs.mlcommons.org/croissant/docs/croissant-spec.html
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_TYPES = {
    "text": "sc:Text",
    "word": "sc:Text",
    "number": "sc:Float",
    "double": "sc:Float",
    "flag": "sc:Boolean",
}


def write_croissant(job: ExportJob) -> None:
    """Write ``croissant.json``, version 1.0, which describes ``labels.csv`` with its checksum."""
    with (job.folder / "labels.csv").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"images/{column.name}",
            "name": f"images/{column.name}",
            # An empty cell is not a number.
            "dataType": "sc:Text" if column.gaps else _TYPES.get(column.type, "sc:Integer"),
            "source": {"fileObject": {"@id": "labels.csv"}, "extract": {"column": column.name}},
        }
        for column in job.columns
    ]
    description = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": job.target.name,
        "description": f"{len(job)} images labelled by protolabel from the names of "
        f"{len(job.labels.names)} classes. The labels are a machine's.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "labels.csv",
                "name": "labels.csv",
                "contentUrl": "labels.csv",
                "encodingFormat": "text/csv",
                "sha256": digest,
            }
        ],
        "recordSet": [
            {"@type": "cr:RecordSet", "@id": "images", "name": "images", "field": fields}
        ],
    }
    with (job.folder / "croissant.json").open("w", encoding="utf-8") as file:
        json.dump(description, file, indent=1)


CROISSANT = Writer(
    name="croissant",
    title="Croissant",
    description="a description of labels.csv in JSON-LD, for search engines and mlcroissant",
    files=("croissant.json",),
    write=write_croissant,
    along_with=("csv",),
    usage="""\
With mlcroissant:
  mlcroissant.Dataset("croissant.json").records("images")""",
)
