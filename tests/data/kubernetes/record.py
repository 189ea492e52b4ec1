"""Writes schema.json from the wheel of `kubernetes-validate`: `python record.py kubernetes_validate-….whl 1.37.0`.

Kept: the kinds of the manual's manifest and what they refer to, without descriptions. What may be one of two types is
written as one that may have either.
"""

import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

_KINDS = ("io.k8s.api.batch.v1.CronJob", "io.k8s.api.core.v1.ConfigMap", "io.k8s.api.core.v1.PersistentVolumeClaim")
_SOURCE = "kubernetes_validate/kubernetes-json-schema/v{}-local-strict/_definitions.json"


def kept(schema: Any, *, names: bool = False) -> Any:
    """The same without what is said to people; `names`: the keys are names of fields."""
    if isinstance(schema, list):
        return [kept(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "oneOf" in schema and not names:
        return {"type": sorted({type_ for one in schema["oneOf"] for type_ in one["type"]})}
    dropped = () if names else ("description", "format")
    left = {key: one for key, one in schema.items() if key not in dropped and not key.startswith("x-kubernetes")}
    return {key: kept(one, names=key == "properties" and not names) for key, one in left.items()}


def main(wheel: str, version: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        known = json.loads(archive.read(_SOURCE.format(version)))["$defs"]
    found: dict[str, Any] = {}
    wanted = list(_KINDS)
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = kept(known[name])
            wanted += re.findall(r'"\$ref": "#/\$defs/([^"]+)"', json.dumps(found[name]))
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found))
    (Path(__file__).parent / "schema.json").write_text(f'{{"$defs": {{\n{lines}\n}}}}\n')


if __name__ == "__main__":
    main(*sys.argv[1:])
