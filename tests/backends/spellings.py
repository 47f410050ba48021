"""Generated spellings of calls: the plain path of an operation, and a few of the tricks by which a path or a query is written otherwise."""

OPERATIONS = ["/healthz", "/api/v1/tasks/count", "/api/v1/tasks/4711", "/api/v1/files/4711", "/api/v1/tickets", "/api/v1/pages", "/nowhere"]

LOOKALIKES = {"k": ["\u212a", "\uff4b"], "s": ["\u017f", "\uff53"], "i": ["\u0130", "\u0131"], "/": ["\uff0f"], ".": ["\uff0e"]}

JUNK = ["%00", "%23", "%3f", "%3Fx=1", ";x=1", "%3b", "%20", "%09", "%0a", ".", ".json", ".xml", "/", "//", "/.", "%2f", "%5c", "%ff", "%c0%af", "%"]

STARTS = ["//", "/./", "/x/../", "/x/%2e%2e/", "/%2e/", "/x%2f../", "/index.php/", "/healthz/../", "/healthz/..;/", "//x/", "/%3F%2F../", "/;/", "/a%5cb%2f../"]

NAMES = ["{}", "{}[]", "{}[0]", "{}[a]", "[{}]", "{}]", "]{}", "[[{}", "[]{}", "?{}", "%20{}", "{}%20", "{}%00", "+{}", "x&{}", "x=1;{}", "{}=1&{}", "{}=1;{}"]

VALUES = ["1", "2000", "2001", "99999", "099999", "%2099999", "99999%20", "+99999", "%39%39%39%39", "%2539999", "99999%00", "1%0099999", "0x1388", "9e9", "1,99999"]


def escaped(byte, layers, random):
    """A byte with so many layers of escapes."""
    text = f"%{byte:02x}" if random.random() < 0.5 else f"%{byte:02X}"
    for _ in range(layers - 1):
        text = text.replace("%", "%25")
    return text


def spelled(path, random):
    """The path with a few tricks."""
    characters = list(path)
    for _ in range(random.choice([0, 1, 1, 2, 2, 3, 4])):
        at = random.randrange(len(characters))
        trick = random.randrange(10)
        one = characters[at]
        slashes = [place for place, found in enumerate(characters) if found == "/" and place > 0]
        slash = random.choice(slashes) if slashes else None
        if trick == 0 and len(one) == 1 and at > 0:
            characters[at] = escaped(ord(one), random.choice([1, 1, 1, 2, 3]), random)
        elif trick == 1 and slash is not None:
            characters[slash] = random.choice(["%2f", "%2F", "%252f", "\\", "%5c", "%255c", "//", "/./", "/x/../", "/x/..;/", ";/", ";a=b/", "%3b/", "/%2e/", "/x/%2e%2e/"])
        elif trick == 2:
            characters[at] = one.swapcase() if len(one) == 1 else one
        elif trick == 3 and one in LOOKALIKES and at > 0:
            look = random.choice(LOOKALIKES[one])
            characters[at] = "".join(f"%{byte:02x}" for byte in look.encode())
        elif trick in (4, 5):
            characters.append(random.choice(JUNK))
        elif trick == 6 and at > 0:
            characters.insert(at, random.choice(JUNK))
        elif trick == 7:
            characters[0] = random.choice(STARTS)
        elif trick == 8 and slash is not None:
            characters[slash] = escaped(0x2F, random.choice([1, 2, 3]), random)
    return "".join(characters)


def target(random):
    """A path with a query."""
    path = random.choice(OPERATIONS)
    parameter = {"/api/v1/tickets": "from", "/api/v1/pages": random.choice(["page_from", "page.from", "page%20from", "page[from"])}.get(path, "from")
    text = spelled(path, random)
    if random.random() < 0.6:
        name = random.choice(NAMES).replace("{}", parameter)
        if random.random() < 0.2:
            at = random.randrange(len(name))
            name = name[:at] + escaped(ord(name[at]), random.choice([1, 2]), random) + name[at + 1 :]
        text += f"?{name}={random.choice(VALUES)}"
    return text
