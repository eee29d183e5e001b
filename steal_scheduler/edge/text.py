"""What others say, fit for a log line and a terminal."""


def one_line(said: object, most: int = 300) -> str:
    r"""One printable line of it, and no more than that.

    A tenant's, or a stranger's, word would else move the cursor, or pass for
    a line of ours::

        'no\r\n ERROR all is lost'  ->  'no ERROR all is lost'
        'a\x1b[2Jb'                 ->  'a?[2Jb'

    :param most: characters
    """
    text = ' '.join(str(said).split())[:most]
    return ''.join(c if c.isprintable() else '?' for c in text)
