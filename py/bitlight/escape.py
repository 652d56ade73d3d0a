"""Text that comes from files and users, on its way into generated code: one function for each kind.

What these give cannot end the comment or literal that it stands in.
"""


def c_comment(text: object) -> str:
    r"""Text for within a C comment: printable ASCII that neither ends nor begins one.

    Examples
    --------
    >>> print(c_comment("*/ int main(); /* \n // \\"))
    *\x2f int main(); \x2f* \x0a \x2f\x2f \x5c
    """
    return "".join(
        each if " " <= each <= "~" and each not in "/\\" else _hexadecimal(each)
        for each in str(text)
    )


def c_string(text: object) -> str:
    r"""A C string literal, in UTF-8.

    Octal escapes, which end after three digits, whatever follows.

    Examples
    --------
    >>> print(c_string('a "bee"\n??/'))
    "a \042bee\042\012\077\077/"
    """
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}"
        for byte in str(text).encode("utf-8", "surrogatepass")
    )
    return f'"{escaped}"'


def _hexadecimal(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
