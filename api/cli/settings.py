"""`rag settings`."""

from dataclasses import asdict

from api.cli.common import AsJson, DataDir, note, print_json, print_table


def settings(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show the settings that are in force, and where each comes from. Secrets are not shown."""
    from api.settings import load_settings
    from api.settings_in_force import settings_in_force, unknown_variables

    found = settings_in_force(load_settings(data_dir=data_dir), {"data_dir": data_dir})
    unknown = unknown_variables()
    if as_json:
        print_json({"settings": [asdict(one) for one in found], "unknown": unknown})
        return
    print_table(["setting", "value", "from"], [[one.variable, one.value, one.origin] for one in found])
    for complaint in unknown:
        note(complaint)
