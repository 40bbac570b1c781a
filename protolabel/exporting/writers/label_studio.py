"""label_studio/: tasks with the labels as predictions, and reading corrected tasks back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from protolabel.common.checks import as_path, checked
from protolabel.common.wording import unicode_text
from protolabel.errors import InputError
from protolabel.exporting.job import Writer
from protolabel.exporting.table import records

if TYPE_CHECKING:
    import os

    from protolabel.exporting.job import ExportJob

__all__ = ["LABEL_STUDIO", "read_label_studio", "write_label_studio"]

_HOW_TO = """\
Label Studio reads images of this machine only if two variables say from where. Start it with

    LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true \\
    LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={root} \\
    label-studio start

In a new project, paste config.xml under Settings > Labeling Interface > Code, add a source storage
of the type "Local files" with the path {folder}, and import tasks.json.

Corrections come back as pins: export JSON from the project, and

    session.pins = protolabel.exporting.read_label_studio("export.json")
"""


def write_label_studio(job: ExportJob) -> None:
    """Write ``tasks.json``, ``config.xml`` and ``README.txt``.

    Labels become predictions with their agreement as the score; pinned labels become annotations.
    Images that fit none of the names have neither.
    """
    folder = job.folder / "label_studio"
    folder.mkdir()
    # The images of the dataset, else those of the folder that was labelled.
    is_exported = job.has_folders or job.side is not None
    shown = job.target if is_exported else Path(job.images.root)
    tasks = [
        _task(record, shown.name)
        for record in records(job)
        if not is_exported or record["file"] is not None
    ]
    with (folder / "tasks.json").open("w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(tasks, file, indent=1, ensure_ascii=False)
    choices = "".join(f"    <Choice value={quoteattr(name)}/>\n" for name in job.labels.names)
    (folder / "config.xml").write_text(
        '<View>\n  <Image name="image" value="$image"/>\n'
        f'  <Choices name="label" toName="image" choice="single">\n{choices}'
        "  </Choices>\n</View>\n",
        "utf-8",
        "backslashreplace",
    )
    text = _HOW_TO.format(root=shown.parent, folder=shown)
    (folder / "README.txt").write_text(text, "utf-8", "backslashreplace")


@checked
def read_label_studio(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the labels that people gave in Label Studio, as pins of a session.

    Parameters
    ----------
    path : str or path
        The JSON or JSON-MIN that Label Studio exported from a project with the tasks of `export`.

    Returns
    -------
    dict of str to str
        Name of the image in its folder -> class name, for every task with an annotation that was
        not skipped. The last of several annotations is used.

    Raises
    ------
    InputError
        If the file cannot be read as such an export.
    """
    try:
        tasks = json.loads(as_path(path, "an export of Label Studio").read_text("utf-8"))
        pairs = [(_source(task), _choice(task)) for task in tasks]
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"Expected the JSON or JSON-MIN of a Label Studio project with the tasks of an export, "
            f"got {str(path)!r}: choose JSON under Export in the project."
        ) from error
    return {source: choice for source, choice in pairs if choice is not None}


def _task(record: dict[str, Any], root: str) -> dict[str, Any]:
    path = f"{root}/{record['file'] or record['source']}"
    url = "/data/local-files/?d=" + quote(path, errors="surrogateescape")
    task: dict[str, Any] = {"data": {"image": url, "source": unicode_text(record["source"])}}
    if not record.get("none_of_these"):
        result = [
            {
                "type": "choices",
                "from_name": "label",
                "to_name": "image",
                "value": {"choices": [record["label"]]},
            }
        ]
        if record["pinned"]:
            task["annotations"] = [{"result": result}]
        else:
            score = record["agreement"]
            prediction = {"model_version": "protolabel", "score": score, "result": result}
            task["predictions"] = [prediction]
    return task


def _source(task: dict[str, Any]) -> str:
    source = task.get("data", task)["source"]
    if not isinstance(source, str):
        raise TypeError
    return source


def _choice(task: dict[str, Any]) -> str | None:
    if "data" not in task:  # JSON-MIN
        choice = task.get("label")
    else:
        given = [note for note in task.get("annotations", []) if not note.get("was_cancelled")]
        results = given[-1]["result"] if given else []
        choices = (result["value"]["choices"][0] for result in results if "value" in result)
        choice = next(choices, None)
    if choice is not None and not isinstance(choice, str):
        raise TypeError
    return choice


LABEL_STUDIO = Writer(
    name="label_studio",
    title="Label Studio",
    description="tasks with the labels as predictions, to be checked by people",
    files=("label_studio/",),
    write=write_label_studio,
    usage="In Label Studio: label_studio/README.txt says how, and how corrections come back.",
)
