"""The window's colours, light and dark, and its style sheet.

Fixed pairs, chosen so that text has a contrast of 4.5 and more whatever the system's theme is.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette


@dataclass(frozen=True)
class Colors:
    """Each as #rrggbb."""

    dark: bool
    window: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    link: str
    code: str
    code_head: str
    warning: str
    problem: str
    selection: str


_LIGHT = Colors(
    dark=False,
    window="#fbfbfc",
    raised="#eeeff2",
    line="#d5d7dd",
    text="#1b1d22",
    muted="#646a76",
    accent="#2563c9",
    on_accent="#ffffff",
    link="#1d56b4",
    code="#f2f3f6",
    code_head="#e6e8ed",
    warning="#8a5a00",
    problem="#b3261e",
    selection="#bcd3f8",
)
_DARK = Colors(
    dark=True,
    window="#1f2126",
    raised="#2c2f36",
    line="#3b3f48",
    text="#e8eaee",
    muted="#9aa1ae",
    accent="#6ea3f7",
    on_accent="#10141c",
    link="#8db8fb",
    code="#17191d",
    code_head="#262a31",
    warning="#e5b455",
    problem="#f28b82",
    selection="#35507e",
)


def colors() -> Colors:
    """Those that suit the system now."""
    return _DARK if is_dark() else _LIGHT


def is_dark() -> bool:
    """What the system says; where it says nothing, what its palette looks like."""
    scheme = QGuiApplication.styleHints().colorScheme()
    if scheme is Qt.ColorScheme.Unknown:
        window = QGuiApplication.palette().color(QPalette.ColorRole.Window)
        return window.lightness() < 128
    return scheme is Qt.ColorScheme.Dark


def palette(now: Colors) -> QPalette:
    """For what a style sheet does not reach: texts, selections, placeholders."""
    made = QPalette(QGuiApplication.palette())
    roles = QPalette.ColorRole
    for role, color in (
        (roles.Window, now.window),
        (roles.Base, now.window),
        (roles.AlternateBase, now.raised),
        (roles.Button, now.raised),
        (roles.WindowText, now.text),
        (roles.Text, now.text),
        (roles.ButtonText, now.text),
        (roles.PlaceholderText, now.muted),
        (roles.Highlight, now.selection),
        (roles.HighlightedText, now.text),
        (roles.Link, now.link),
        (roles.ToolTipBase, now.raised),
        (roles.ToolTipText, now.text),
    ):
        made.setColor(role, QColor(color))
    return made


def scaled(font: QFont, factor: float) -> QFont:
    """The same font, larger or smaller; fonts have a size in points or in pixels."""
    made = QFont(font)
    if font.pointSizeF() > 0:
        made.setPointSizeF(font.pointSizeF() * factor)
    else:
        made.setPixelSize(max(1, round(font.pixelSize() * factor)))
    return made


def code_font(font: QFont) -> QFont:
    made = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    made.setStyleHint(QFont.StyleHint.Monospace)
    if font.pointSizeF() > 0:
        made.setPointSizeF(font.pointSizeF() * 0.95)
    return made


_SHEET = Template("""
#hobPrompt { background: $window; border: 1px solid $line; border-radius: ${radius}px; }
QLabel { background: transparent; color: $text; }
#questionBox { background: transparent; border: none; padding: 0; color: $text;
  placeholder-text-color: $muted; selection-background-color: $selection;
  selection-color: $text; }
#line { background: $line; border: none; max-height: 1px; min-height: 1px; }
#talk, #talk > QWidget > QWidget { background: transparent; border: none; }
#muted, #hintKey { color: $muted; }
#asked { background: $raised; border-radius: 9px; }
#prose, #codeText { background: transparent; border: none; color: $text;
  selection-background-color: $selection; selection-color: $text; }
#code { background: $code; border: 1px solid $line; border-radius: 8px; }
#codeHead { background: $code_head; border: none;
  border-top-left-radius: 7px; border-top-right-radius: 7px; }
#problem { color: $problem; }
#warning { color: $warning; }
#bar { background: $raised; border: none; border-radius: 8px; }
#chip { background: $raised; border: 1px solid $line; border-radius: 8px; }
#chip:focus { border: 1px solid $accent; }
QToolButton, QPushButton { color: $text; background: transparent; border: 1px solid transparent;
  border-radius: 6px; padding: 3px 7px; }
QToolButton:hover, QPushButton:hover { background: $raised; }
QToolButton:focus, QPushButton:focus { border: 1px solid $accent; }
QToolButton:pressed, QPushButton:pressed { background: $line; }
QToolButton:disabled, QPushButton:disabled { color: $muted; }
QPushButton[primary="true"] { background: $accent; color: $on_accent; padding: 4px 12px; }
QPushButton[primary="true"]:focus { border: 1px solid $text; }
QPushButton[secondary="true"] { border: 1px solid $line; padding: 4px 12px; }
QPushButton[secondary="true"]:focus { border: 1px solid $accent; }
#codeHead QToolButton:hover { background: $line; }
#hint { padding: 3px 6px; color: $muted; }
#hint:hover { color: $text; }
#models { background: transparent; border: 1px solid transparent; border-radius: 6px;
  padding: 3px 18px 3px 6px; color: $muted; }
#models:hover, #models:focus { background: $raised; color: $text; }
#models:focus { border: 1px solid $accent; }
#models::drop-down { border: none; width: 16px; }
#models::down-arrow { image: none; }
#models QFrame { background: $window; border: 1px solid $line; }
#models QAbstractItemView { background: $window; color: $text; border: none;
  selection-background-color: $selection; selection-color: $text; outline: none;
  padding: 4px; }
#models QAbstractItemView::item { padding: 5px 10px; border-radius: 5px; color: $text; }
#models QAbstractItemView::item:selected { background: $selection; }
QMenu { background: $window; color: $text; border: 1px solid $line; padding: 5px; }
QMenu::item { padding: 5px 26px 5px 14px; border-radius: 5px; }
QMenu::item:selected { background: $selection; }
QMenu::item:disabled { color: $muted; }
QMenu::separator { height: 1px; background: $line; margin: 4px 8px; }
QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: 3px; }
QSizeGrip { image: none; width: 14px; height: 14px; }
QProgressBar { background: $line; border: none; border-radius: 2px; max-height: 4px; }
QProgressBar::chunk { background: $accent; border-radius: 2px; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 2px; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 2px; }
QScrollBar::handle { background: $line; border-radius: 3px; min-height: 28px; min-width: 28px; }
QScrollBar::handle:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
""")


def style_sheet(now: Colors, *, rounded: bool) -> str:
    """`rounded` where what lies outside of the corners can be seen through."""
    values = {name: getattr(now, name) for name in Colors.__dataclass_fields__}
    return _SHEET.substitute(values, radius=12 if rounded else 0)
