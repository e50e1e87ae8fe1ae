# SPDX-License-Identifier: Apache-2.0
"""A fixed colour for each provision state.

The hue is the operation. The brightness is the status: at work (full), waiting
(light), held (lighter), failed (dark). States at rest are grey and green. Red
is reserved for violations.
"""

import colorsys
import zlib

#: Operation -> hue in degrees. From 20 to 320, clear of red.
_HUES = {
    'verify': 55,
    'inspect': 265,
    'clean': 185,
    'deploy': 215,
    'wait call-back': 215,
    'delet': 30,
    'adopt': 160,
    'rescu': 310,
    'unrescu': 290,
    'servic': 85,
}
_REST = {
    'enroll': '#d9d9d9',
    'manageable': '#a8a8a8',
    'available': '#f1e4b3',
    'active': '#5aa35a',
    'error': '#3d3d3d',
    'rescue': '#e3b7dd',
}
#: Last word of the name of a state -> lightness, saturation.
_DOES = {
    'failed': (0.28, 0.45),
    'wait': (0.74, 0.6),
    'call-back': (0.74, 0.6),
    'hold': (0.86, 0.5),
}
_WORKS = (0.52, 0.62)


def colour(state: str) -> str:
    """Return the colour of any provision state, as ``#rrggbb``."""
    if state in _REST:
        return _REST[state]
    hue = 20 + zlib.crc32(state.encode()) % 300
    for operation, angle in _HUES.items():
        if state.startswith(operation):
            hue = angle
    lightness, saturation = _DOES.get(state.split()[-1], _WORKS)
    parts = colorsys.hls_to_rgb(hue / 360, lightness, saturation)
    return '#' + ''.join(f'{round(part * 255):02x}' for part in parts)


def text_on(background: str) -> str:
    """Return black or white, whichever is legible on a colour."""
    red, green, blue = (int(background[i : i + 2], 16) for i in (1, 3, 5))
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    return '#000000' if light > 140 else '#ffffff'
