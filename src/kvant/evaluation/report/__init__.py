"""Results to read, see and hear: Markdown, a table for the terminal, a plot, and a page with players."""

from pathlib import Path

STYLE = Path(__file__).with_name("style.css")
"""The look of Kvant's pages, light and dark, on a phone and on a desk."""
PLAYER = Path(__file__).with_name("player.js")
"""Buttons that change what a player plays, and keep its place."""
