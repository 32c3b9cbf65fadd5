"""What to say about damage in a stream."""

from typing import TYPE_CHECKING

from kvant.cli.failures import complain

if TYPE_CHECKING:
    from kvant.bitstream import Damage


def complain_of_damage(name: str, damage: "list[Damage]", complete: bool, rest: str) -> None:
    """One line on standard error: how many places, the first of them, what is lost, and what became of the `rest`."""
    places = "damaged" if len(damage) == 1 else f"damaged in {len(damage)} places, first"
    frames = sum(each.lost_frames for each in damage)
    lost = f"{frames} frames are lost" if frames else "no frame is lost" if complete else "its end is missing"
    complain("damage", f"{name}: {places} at byte {damage[0].offset} ({damage[0].reason}); {lost}; {rest}")
