"""Plugins as nobody wants them."""

from __future__ import annotations

HEAD = "import os, sys, time, threading\nfrom hob.plugins import Action, Setting, Tool, hookimpl\n"
ACTIONS = "@hookimpl\ndef register_actions():\n    return "

GOOD = HEAD + "def good(run):\n    print('I am good')\n    return 'good'\n"
GOOD += ACTIONS + "[Action('good', 'Good', good)]\n"

# Each by its name, with words that must be in what is said of it.
NOT_LOADED: dict[str, tuple[str, tuple[str, ...]]] = {
    "raises": (
        HEAD + "\nraise ValueError('no luck')\n",
        ("import", "ValueError: no luck", "raises.py, line 4"),
    ),
    "exits": (HEAD + "sys.exit(3)\n", ("import", "SystemExit: 3")),
    "interrupts": (HEAD + "raise KeyboardInterrupt\n", ("KeyboardInterrupt",)),
    "misspelt": ("def (:\n", ("SyntaxError", "misspelt.py, line 1")),
    "missing": ("import not_there_at_all\n", ("not_there_at_all",)),
    # Pythons disagree about what kind of error that is.
    "binary": ("\0\1\2", ("null bytes",)),
    "endless": (HEAD + "def f(): f()\nf()\n", ("RecursionError",)),
    "nothing": ("x = 1\n", ("no hook", "@hookimpl")),
    "unknown": (
        HEAD + "@hookimpl\ndef register_action(): return []\n",
        ("register_action", "register_actions"),
    ),
    "signature": (
        HEAD + "@hookimpl\ndef on_event(event, colour): pass\n",
        ("on_event", "colour", "event and context"),
    ),
    "wordy": (
        HEAD + "@hookimpl\ndef register_settings(context): return []\n",
        ("register_settings", "context", "no arguments"),
    ),
    "text": (HEAD + ACTIONS + "'shout'\n", ("register_actions", "list", "str")),
    "things": (HEAD + ACTIONS + "[1]\n", ("Action is expected", "int")),
    "control": (HEAD + ACTIONS + "[Action('a\\x1b[2J', 'A', print)]\n", ("no name",)),
    "hotkey": (
        HEAD + ACTIONS + "[Action('h', 'H', print, hotkey='k')]\n",
        ("hotkey of the action h",),
    ),
    "neither": (HEAD + ACTIONS + "[Action('n', 'N')]\n", ("`run` or `opens`",)),
    "kinds": (HEAD + ACTIONS + "[Action('k', 'K', print, kinds=('soup',))]\n", ("soup",)),
    "many": (
        HEAD + ACTIONS + "[Action(f'a{n}', 'A', print) for n in range(101)]\n",
        ("101 are too many",),
    ),
    "large": (
        HEAD + ACTIONS + "[Action('l', 'L', print, system='x' * 300_000)]\n",
        ("larger than",),
    ),
    "written": (
        HEAD + ACTIONS + "[Action('w', 'W', print, timeout_s='5')]\n",
        ("timeout_s", "action w", "number of seconds"),
    ),
    "eternal": (
        HEAD + "@hookimpl\ndef register_tools():\n"
        "    return [Tool('e', 'E', print, timeout_s=float('inf'))]\n",
        ("timeout_s", "tool e", "up to 86400"),
    ),
    "vast": (
        HEAD
        + "from hob.plugins import Opens\n"
        + ACTIONS
        + "[Action(f'v{n}', 'V', opens=Opens(text='x' * 190_000)) for n in range(90)]\n",
        ("registers", "more than", "bytes"),
    ),
    "set": (
        HEAD + "@hookimpl\ndef register_settings():\n"
        "    return [Setting('s', ['x' * 90_000] * 100, 'S.')]\n",
        ("registers", "more than", "bytes"),
    ),
    "default": (
        HEAD + "@hookimpl\ndef register_settings():\n"
        "    return [Setting('s', 'x', 'S.', kind='whole')]\n",
        ("setting s", "whole number"),
    ),
    "schema": (
        HEAD + "@hookimpl\ndef register_tools():\n"
        "    return [Tool('t', 'T', print, {'x': object()})]\n",
        ("tool t",),
    ),
    "property": (
        HEAD + "class Odd(Action):\n    @property\n    def help(self): raise OSError('odd')\n"
        "    @help.setter\n    def help(self, value): pass\n"
        + ACTIONS
        + "[Odd('o', 'O', print)]\n",
        ("register_actions", "OSError: odd"),
    ),
    "unspeakable": (
        HEAD + "class Odd(Exception):\n    def __str__(self): raise self\n    __repr__ = __str__\n"
        "raise Odd\n",
        ("Odd", "cannot be shown"),
    ),
    "ours": (
        HEAD + "from hob.errors import InvalidRequest\n"
        "raise InvalidRequest('a\\x1b[2J\\ud800', hint=3, odd=object())\n",
        ("a\N{REPLACEMENT CHARACTER}[2J",),
    ),
    "starts": (
        HEAD + "@hookimpl\ndef start(): raise RuntimeError('not today')\n",
        ("start", "not today"),
    ),
}

# Loaded all the same, and the others do not notice.
HARMLESS: dict[str, str] = {
    "prints": HEAD + "print('x' * 100_000)\nos.write(1, b'y' * 1000)\nsys.stdout.write('z')\n",
    "closes": HEAD
    + "os.close(0)\nos.close(1)\nos.close(2)\nsys.stdout.close()\nsys.stderr.close()\n",
    "rewraps": HEAD
    + "import io\nsys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-16')\n"
    + "sys.stderr = io.TextIOWrapper(sys.stderr.detach(), encoding='utf-16')\n",
    "redirects": HEAD + "sys.stdout = sys.stderr = open(os.devnull)\n",
    "nothing_to_print_to": HEAD + "sys.stdout = sys.stderr = None\n",
    "forks": HEAD + "os.fork()\n",
    "threads": HEAD
    + "for _ in range(50):\n    threading.Thread(target=time.sleep, args=(9e6,)).start()\n",
    "awaited": "from hob.plugins import Action, hookimpl\n"
    "@hookimpl\nasync def register_actions():\n    return [Action('late', 'Late', print)]\n",
    "path": HEAD + "sys.path.clear()\nos.chdir('/')\nos.environ.clear()\n",
}  # fmt: skip

# Actions, and words that must be in their errors.
BAD_ACTIONS = """
def raises(run): raise ValueError("no luck")
def exits(run): sys.exit(3)
def interrupts(run): raise KeyboardInterrupt
def number(run): return 3
def data(run): return b"x"
def numbers(run): return [1, 2]
def huge(run): return "x" * (2**20 + 1)
def endless(run):
    while True: yield "more and more "
def recursion(run): recursion(run)
def unspeakable(run):
    class Odd(Exception):
        def __str__(self): sys.exit(1)
    raise Odd
async def later(run): raise ValueError("later on")
def loops(run):
    while True: pass
def stubborn(run):
    for _ in range(3):
        try:
            while True: time.perf_counter()
        except BaseException: pass
    stopped.append(1)
def empty(run):
    while True: yield ""
"""
ACTION_ERRORS: dict[str, tuple[str, ...]] = {
    "raises": ("ValueError: no luck", "line 3"),
    "exits": ("SystemExit: 3",),
    "interrupts": ("KeyboardInterrupt",),
    "number": ("text", "int"),
    "data": ("text", "bytes"),
    "numbers": ("pieces of text", "int"),
    "huge": ("more than 1048576 characters",),
    "endless": ("more than 1048576 characters",),
    "recursion": ("RecursionError",),
    "unspeakable": ("Odd", "cannot be shown"),
    "later": ("ValueError: later on",),
    "loops": ("did nothing for 0.3 s",),
    "stubborn": ("did nothing for 0.3 s",),
    "empty": ("did nothing for 0.3 s",),
}
ACTING = (
    HEAD.replace("\n", "; ", 1)
    + BAD_ACTIONS
    + "stopped = []\n"
    + ACTIONS
    + f"""[
        *(Action(n, n, globals()[n], timeout_s=0.3) for n in {list(ACTION_ERRORS)!r}),
        Action("stopped", "Stopped", lambda run: str(stopped)),
        Action("surrogates", "S", lambda run: "a\\ud800b"),
        Action("forks", "F", lambda run: str(os.fork() > 0)),
        Action("flood", "Flood", flood),
    ]
def flood(run):
    for number in range(200_000): run.progress(number / 200_000, "x")
    run.progress(float("nan"))
    return "done"
"""
)

# What ends the whole process, in an action.
DEADLY: dict[str, str] = {
    "leaves": "os._exit(5)",
    "crashes": "__import__('ctypes').string_at(0)",
    "kills": "os.kill(os.getpid(), 9)",
    "shuts": "os.closerange(3, 4096)",
}
