from ingest.readers.grid import Cell, table_text


def test_merged_cells_stand_in_all_that_they_cover() -> None:
    rows = [
        [Cell("", rows=2), Cell("Class", columns=2)],
        [Cell("a"), Cell("b")],
        [Cell("R", rows=2), Cell("1"), Cell("2")],
        [Cell("3"), Cell("4")],
    ]
    assert table_text(rows) == " | Class | Class\n | a | b\nR | 1 | 2\nR | 3 | 4"


def test_long_texts_and_whole_rows_are_not_repeated() -> None:
    assert table_text([[Cell("Title", columns=3)], [Cell("x" * 70, columns=2), Cell("y")]]) == (
        "Title\n" + "x" * 70 + " |  | y"
    )


def test_endless_spans_are_bounded() -> None:
    assert len(table_text([[Cell("a", columns=10**9), Cell("b", rows=10**9)], [Cell("c")]])) < 2_000
