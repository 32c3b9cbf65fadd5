"""The errors Kvant raises on purpose. Each says what, where, and what to do; the CLI prints it as one line."""


class KvantError(Exception):
    """Base of every error a user can cause. `exit_code` is what the command line returns for it."""

    exit_code = 2


class UsageError(KvantError, ValueError):
    """An argument, option or path that cannot be used as given."""


class AudioError(KvantError, ValueError):
    """Audio that cannot be read, written or coded: unreadable file, impossible rate, NaN samples."""


class BitstreamError(KvantError, ValueError):
    """A `.kvt` stream that is damaged, hostile, cut short, or not a `.kvt` stream at all."""

    exit_code = 1


class ModelError(KvantError):
    """A model that is missing, unreadable, or not the one the stream was made with."""

    exit_code = 3


class FetchError(ModelError):
    """A published file that cannot be had from where it is published: no network, a broken download, another digest."""
