"""What names of audio files end with."""

READABLE = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64"),
    *(".rf64", ".avr", ".htk", ".iff", ".mat4", ".mat5", ".nist", ".sph", ".paf", ".pvf", ".sd2", ".svx", ".voc"),
)

UNREADABLE = (".m4a", ".aac", ".wma", ".amr", ".mka", ".ape", ".wv")
"""Audio that only other programs read: better refused by name than passed over in silence."""
