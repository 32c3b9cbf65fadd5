"""Encoders: wav to latents."""
