"""What a hostile tenant writes: into a name, a tag, metadata, a fault."""

#: He wants to be taken for our log, or not to be seen: it clears the screen,
#: names the window, begins a line, turns the text round, and has no width.
HOSTILE = (
    'x\x1b[2J\x1b]0;owned\x07\r\n2026-11-29 ERROR steal_scheduler [-] lost'
    '\u202e\u200b\u3164\x9b31m\x00'
)
#: The same as it may be shown.
SHOWN = 'x?[2J?]0;owned? 2026-11-29 ERROR steal_scheduler [-] lost????31m?'
