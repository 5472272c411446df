"""table.py TABLE NAMES...: whether every name of the libraries' config classes has a rule in famkit's table."""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    table = json.load(f)
missing, count = {}, 0
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as f:
        names = json.load(f)
    for arch, have in names.items():
        known = {k for rule in table[arch] for k in rule["Keys"]}
        count += len(have)
        for n in have:
            if n not in known and not n.startswith("__"):
                missing.setdefault(n, set()).add(arch)
for n, archs in sorted(missing.items()):
    print(f"{n}: transformers has it for {', '.join(sorted(archs))}, famkit has no rule for it")
print(f"{count} names of config classes, {len(missing)} without a rule")
sys.exit(1 if missing else 0)
