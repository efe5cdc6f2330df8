from pathlib import Path

import pytest

from api.settings import Settings, SettingsError, load_settings
from tests.api.command_line import Rag

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    rows = [
        line for line in DOCUMENTATION.read_text().splitlines() if line.startswith(f"| `RAG_{name.upper()}`")
    ]
    assert len(rows) == 1
    default = Settings.model_fields[name].default
    if isinstance(default, str | int | float):
        assert f"`{default:g}`" in rows[0] if isinstance(default, float) else f"`{default}`" in rows[0]


def test_documentation_has_no_setting_that_does_not_exist() -> None:
    lines = DOCUMENTATION.read_text().splitlines()
    documented = {line.split("`")[1] for line in lines if line.startswith("| `RAG_")}
    assert documented == {f"RAG_{name.upper()}" for name in Settings.model_fields}


def test_command_line_goes_before_environment_before_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "settings.toml").write_text('host = "file"\nport = 1\nthreads = 3\n')
    monkeypatch.setenv("RAG_SETTINGS_FILE", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("RAG_HOST", "environment")
    monkeypatch.setenv("RAG_PORT", "2")
    settings = load_settings(port=3, host=None)
    assert (settings.host, settings.port, settings.threads) == ("environment", 3, 3)


def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_DATABASE_URL", "")
    assert load_settings().database_url is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RAG_PORT", "http"),
        ("RAG_FUSION", "sum"),
        ("RAG_REFRESH_INTERVAL_S", "0"),
        ("RAG_FOLLOW_UPS", "generator"),  # the checkpoint cannot
    ],
)
def test_unusable_value_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"{variable}='{value}'"):
        load_settings()


def test_key_of_the_file_that_is_no_setting_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('hots = "0.0.0.0"\n')
    monkeypatch.setenv("RAG_SETTINGS_FILE", str(tmp_path / "settings.toml"))
    with pytest.raises(SettingsError, match=r"no setting 'hots'. Did you mean 'host'\?"):
        load_settings()


@pytest.mark.parametrize("content", [None, "port = = 1", "port = \udcff"])
def test_unusable_settings_file_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "settings.toml"
    if content is not None:
        path.write_bytes(content.encode(errors="surrogateescape"))
    monkeypatch.setenv("RAG_SETTINGS_FILE", str(path))
    with pytest.raises(SettingsError, match=r"RAG_SETTINGS_FILE.*settings\.toml"):
        load_settings()


def test_password_of_the_database_stays_out_of_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_DATABASE_URL", "postgresql://me:swordfish@host/name")
    assert "swordfish" not in repr(load_settings())


def test_settings_in_force_are_shown_with_their_origin_and_without_secrets(
    rag: Rag, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "settings.toml").write_text('port = 1\nhost = "file"\ngenerator_api_key = "swordfish"\n')
    monkeypatch.setenv("RAG_SETTINGS_FILE", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("RAG_PORT", "2")
    monkeypatch.setenv("RAG_PROT", "3")
    shown = rag("settings", "--data-dir", tmp_path, "--json")
    assert shown.code == 0, shown.err
    found = {one["variable"]: (one["value"], one["origin"]) for one in shown.json["settings"]}
    assert list(found) == [f"RAG_{name.upper()}" for name in Settings.model_fields]
    assert found["RAG_DATA_DIR"] == (str(tmp_path), "command line")
    assert found["RAG_PORT"] == ("2", "environment")
    assert found["RAG_HOST"] == ("file", "file")
    assert found["RAG_GENERATOR_API_KEY"] == ("**********", "file")
    assert found["RAG_FUSION"] == ("weighted", "default")
    assert shown.json["unknown"] == ["RAG_PROT is no setting and has no effect. Did you mean RAG_PORT?"]
    assert "swordfish" not in shown.out + rag("settings").out
