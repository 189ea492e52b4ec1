"""stub"""


def default_tables() -> dict[str, object]:
    return {"recovery": {"mode": "off"}, "components": {"host": {"kind": "host"}}}
