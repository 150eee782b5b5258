"""Looks up known vulnerabilities of the installed packages by pip-audit; says so where that is impossible.

    python .ci/audit.py

The exit status is 1 for a vulnerability, and 0 where pip-audit is not installed or does not reach its index.
"""

import importlib.util
import json
import subprocess
import sys

SECONDS = 120  # for the index to answer


def audit() -> int:
    """Prints what pip-audit finds; returns the exit status."""
    if importlib.util.find_spec("pip_audit") is None:
        print("Skipped: pip-audit is not installed. To install it: pip install pip-audit.")
        return 0
    words = [sys.executable, "-m", "pip_audit", "--local", "--format", "json", "--progress-spinner", "off"]
    try:
        answer = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
        found = json.loads(answer.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        print("Skipped: pip-audit did not reach its index.")
        return 0
    wrong = [package for package in found if package.get("vulns")]
    for package in wrong:
        known = ", ".join(entry["id"] for entry in package["vulns"])
        print(f"{package['name']} {package['version']}: {known}")
    print(f"{len(wrong)} of {len(found)} packages have known vulnerabilities.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(audit())
