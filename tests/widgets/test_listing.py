"""What a gallery lists is a pure function of the labels and a question."""

from __future__ import annotations

import numpy as np
import pytest

from protolabel.widgets.listing import SHOWS, SORTS, Question, listed


@pytest.mark.parametrize("show", SHOWS)
@pytest.mark.parametrize("sort", SORTS)
def test_every_list_in_every_order_names_an_image_once(session, show, sort):
    labels = session.labels
    question = Question(
        show, what="red", images=(5, 1), sort=sort, ranking=np.arange(len(labels))[::-1]
    )
    files = session.embeddings.images.names
    found = listed(question, labels, files, {2}, session.graph)
    assert len(set(found.tolist())) == len(found)
    assert not question.filters


def test_searches_and_selections_keep_their_order(session):
    labels, files = session.labels, session.embeddings.images.names
    ranking = np.array([7, 3, 9, *(i for i in range(len(labels)) if i not in (3, 7, 9))])
    words = Question("words", what="a sofa", ranking=ranking)
    assert listed(words, labels, files, (), session.graph)[:3].tolist() == [7, 3, 9]
    assert listed(
        Question("selection", images=(5, 1)), labels, files, (), session.graph
    ).tolist() == [5, 1]
    assert listed(Question("words"), labels, files, (), session.graph).tolist() == []


def test_filters_leave_out(session):
    labels, files = session.labels, session.embeddings.images.names
    every = Question("every", name="RED/", unseen=True)
    assert every.filters
    expected = [i for i, name in enumerate(files) if "red/" in name and i != 10]
    assert listed(every, labels, files, {10}, session.graph).tolist() == expected
    assert (
        listed(Question("every", label="no class"), labels, files, (), session.graph).tolist() == []
    )
