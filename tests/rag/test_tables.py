"""Cells that a question asks for: which are found, and where none may be."""

import pytest

from api.settings import shipped_checkpoint
from rag.generator.cells import TableReader
from rag.generator.generate import CELL_PROBABILITY, LocalGenerator
from rag.generator.passages import Passage
from rag.generator.tables import cell_bounds, tables

BUDGET = Passage(
    "Department: Sales\nHead: Oliver Nakamura\nBudget (kEUR): 1150\nHeadcount: 18\n\n"
    "Department: IT\nHead: Priya Raman\nBudget (kEUR): 640\nHeadcount: 9",
    "Budget 2025",
)
VERSIONS = Passage(
    "The firmware is updated by radio.\n\n| Version | Released | Changes |\n|---|---|---|\n"
    "| 1.4 | 2020-11-17 | Modbus support |\n| 2.0 | 2022-02-28 | new driver |"
)
TRAVEL = Passage(
    "Country | Daily allowance | Hotel limit per night\nFrance | €34 | €150\nSwitzerland | CHF 65 | CHF 220",
    "Travel expenses",
)
PARTS = Passage(
    "sku: LX-40\nname: Lens 40 mm\nwarehouse: Jena\nstock: 412\n\n"
    "sku: H2\nname: Housing\nwarehouse: Ulm\nstock: 58"
)
DUCKS = Passage(" | Freshwater Ducks | Saltwater Ducks\n2019 | 120 | 80\n2020 | 130 | 95", "Duck Survey")
ALL = [BUDGET, VERSIONS, TRAVEL, PARTS, DUCKS]


def looked_up(question: str, *passages: Passage) -> str | None:
    read = list(passages) or ALL
    found = TableReader().look_up(question, read)
    return ", ".join(read[f.passage].text[f.start : f.end] for f in found) or None


@pytest.mark.parametrize(
    ("question", "cell"),
    [
        ("Who is the head of Sales?", "Oliver Nakamura"),
        ("What is the budget of the IT department?", "Budget (kEUR): 640"),
        ("When was firmware 2.0 released?", "2022-02-28"),
        ("What changed in version 1.4?", "Modbus support"),
        ("What is the hotel limit in Switzerland?", "CHF 220"),
        ("How many LX-40 lenses are in stock?", "412"),
        ("Where is the H2?", "Ulm"),
        ("How many employees does Sales have?", "18"),
        ("What is the headcount of IT and of Sales?", "9, 18"),
        ("How many saltwater ducks were there in 2020?", "95"),
    ],
)
def test_a_cell_is_found_by_its_column_and_its_row(question: str, cell: str) -> None:
    assert looked_up(question) == cell


@pytest.mark.parametrize(
    "question",
    [
        "What is the salary of Oliver Nakamura?",  # no such column
        "What is the budget of Production?",  # no such row
        "What was the budget of IT in 2019?",  # a word that nothing around the table has
        "Which department has the largest headcount?",  # about all rows
        "Is the budget of IT more than 600?",
        "Why is the budget of IT 640?",
        "What is it about?",  # "it" is no department
        "What is the stock of parts?",
        "What is the budget of IT or Sales?",
    ],
)
def test_nothing_is_found_where_a_word_is_left_over(question: str) -> None:
    assert looked_up(question) is None


@pytest.mark.parametrize(
    ("question", "cells"),
    [
        ("List all departments.", ["Sales", "IT"]),
        ("What are the versions of the firmware?", ["1.4", "2.0"]),
        ("List the heads of the departments", ["Oliver Nakamura", "Priya Raman"]),
        ("List the departments with more than 10 heads", []),
        ("List the hobbies of the heads", []),
        ("Which department is it?", []),
    ],
)
def test_a_column_is_listed_where_all_of_it_is_asked_for(question: str, cells: list[str]) -> None:
    found = TableReader().list_column(question, ALL)
    assert [ALL[f.passage].text[f.start : f.end] for f in found] == cells


def test_a_column_that_goes_on_in_another_passage_is_listed_once_and_whole() -> None:
    more = Passage(BUDGET.text.replace("Sales", "Legal"), "Budget 2025")
    found = TableReader().list_column("List all departments.", [BUDGET, more])
    assert len(found) == 3


def test_of_tables_that_differ_each_has_its_cell() -> None:
    others = [Passage(BUDGET.text.replace("640", figure), "Budget 2025") for figure in ("700", "710", "720")]
    assert looked_up("What is the headcount of IT?", BUDGET, *others) == "9"
    assert looked_up("What is the spending of IT?", BUDGET) is None
    assert (
        looked_up("What is the budget of IT?", BUDGET, others[0]) == "Budget (kEUR): 640, Budget (kEUR): 700"
    )
    assert looked_up("What is the budget of IT?", BUDGET, *others) is None, "which is meant?"


def test_prose_and_ragged_lines_are_no_tables() -> None:
    assert tables("He said: this is so.\nAnd they went on.") == []
    assert tables("a | b\nc | d | e") == []
    assert tables("Certificate: | Student | Age: | 23\nSeat: | Left | Sex: | None") == []


def test_cells_may_be_empty_and_outer_signs_are_left_off() -> None:
    text = "| Version | R |\n|---|---|\n| 1 | |\n| 2 | b |"
    (table,) = tables(text)
    assert table.names == ("Version", "R")
    assert [[text[c.start : c.end] for c in row] for row in table.rows] == [["1", ""], ["2", "b"]]


def test_rows_of_a_table_that_began_in_a_passage_before_have_no_names() -> None:
    text = "| lures a user | tokens | |\n| guesses passwords | growing waits | a known password |"
    assert tables(text) == []
    assert tables(f"| Who | What helps | What does not |\n|---|---|---|\n{text}") != []
    assert text.index("growing waits") in cell_bounds(text), "and no answer goes from cell to cell"


def test_bounds_lie_around_each_cell_and_before_each_name() -> None:
    assert cell_bounds("a: 1\nb: 22") == [0, 3, 4, 5, 8, 10]


@pytest.fixture(scope="module")
def generator() -> LocalGenerator:
    return LocalGenerator(shipped_checkpoint())


def test_the_generator_answers_from_the_cell_and_says_where_it_stands(generator: LocalGenerator) -> None:
    answer = generator.generate("When was firmware 2.0 released?", [TRAVEL, VERSIONS])
    (segment,) = answer.segments
    assert answer.text == "2022-02-28"
    assert segment.passage == 1
    assert VERSIONS.text[segment.start : segment.end] == answer.text
    assert answer.answerable_probability >= CELL_PROBABILITY


def test_a_list_has_commas_and_a_source_for_each_cell(generator: LocalGenerator) -> None:
    answer = generator.generate("List all departments.", [BUDGET])
    assert answer.text == "Sales, IT"
    assert [s.passage for s in answer.segments] == [0, None, 0]


def test_a_column_is_listed_whole_though_a_row_has_a_word_of_the_question(generator: LocalGenerator) -> None:
    roles = Passage(
        "## Roles of keys\n\n| Role | May |\n|---|---|\n| reader | ask |\n| administrator | manage keys |"
    )
    assert generator.generate("List the roles of keys.", [roles]).text == "reader, administrator"


@pytest.mark.parametrize("question", ["What?", "hello", "asdfghjkl"])
def test_what_asks_for_nothing_is_not_answered(generator: LocalGenerator, question: str) -> None:
    assert generator.generate(question, ALL).refusal is not None
    assert generator.generate("Modbus?", ALL).refusal is None


def test_a_cell_far_into_a_long_passage_is_copied_from_a_later_window(generator: LocalGenerator) -> None:
    rows = "\n\n".join(f"sku: P{n}\nname: part {n}\nstock: {n * 7}" for n in range(100, 200))
    answer = generator.generate("What is the stock of P187?", [Passage(rows)])
    assert answer.text == "1309"


def test_no_short_answer_goes_from_one_line_of_a_record_into_the_next(generator: LocalGenerator) -> None:
    suppliers = Passage("Supplier: Nordic Sensors\nCity: Oulu\n\nSupplier: Krug\nCity: Ulm")
    answer = generator.generate("Who delivers from Oulu?", [suppliers])
    assert "\n" not in answer.text
