"""`python -m benchmarks NAME... [OPTIONS]`: run benchmarks by name; without a name, list them.

A benchmark is a module of this package with a function `main` that reads the command line; its first docstring line
says what it measures. Nothing else belongs here.
"""

import ast
import importlib
import itertools
import sys
from pathlib import Path


def available() -> dict[str, str]:
    """What each benchmark measures, by name; read, not imported, because some need packages of their own."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}
        if path.stem != "__main__" and "main" in functions:
            found[path.stem.replace("_", "-")] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def main() -> int:
    """Run what the command line names first; the options after that go to every benchmark named."""
    names = list(itertools.takewhile(lambda each: not each.startswith("-"), sys.argv[1:]))
    options = sys.argv[1 + len(names) :]
    known = available()
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"Error: there is no benchmark {unknown[0]}.", file=sys.stderr)
    if not names or unknown:
        print("python -m benchmarks NAME [--help]", *(f"  {name}  {text}" for name, text in known.items()), sep="\n")
        return 1 if unknown else 0
    for name in names:
        sys.argv = [f"benchmarks {name}", *options]
        importlib.import_module(f"benchmarks.{name.replace('-', '_')}").main()  # noqa: TID251 the command names it
    return 0


if __name__ == "__main__":
    sys.exit(main())
