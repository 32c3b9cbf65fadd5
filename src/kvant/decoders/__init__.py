"""Decoders: latents to wav."""
