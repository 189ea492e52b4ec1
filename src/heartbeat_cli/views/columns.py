"""How wide a text is where every character has a cell of its own."""


def columns(text: str) -> int:
    """How many columns of a terminal the widest line of a text takes: a Chinese character takes two, an accent alone
    none."""
    from wcwidth import wcswidth

    # It gives -1 for a text with control characters, of which nobody knows how wide they are.
    return max((width if (width := wcswidth(line)) >= 0 else len(line) for line in text.splitlines()), default=0)
