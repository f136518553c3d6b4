"""Damage done to files on purpose."""


def flip(content: bytes, place: int) -> bytes:
    """The content with all bits of one byte turned."""
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
