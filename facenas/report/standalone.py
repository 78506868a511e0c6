"""Charts as one SVG file that needs nothing else."""

from xml.etree import ElementTree

from markupsafe import Markup

from facenas.report.charts import HEIGHT, WIDTH

MARGIN, CAPTION = 16, 26  # pixels around and above each chart
STYLE = """
text { fill: #5a6675; font: 12px system-ui, sans-serif; }
.caption { fill: #1b2430; font-size: 14px; font-weight: 600; }
.name { fill: #1b2430; font-weight: 600; paint-order: stroke; stroke: #fff; stroke-width: 3px; }
.grid-line { stroke: #dde2e8; fill: none; }
.axis { stroke: #5a6675; fill: none; }
.accepted { fill: #0f6cbd; stroke: #fff; stroke-width: 1; }
.neutral { fill: #fff; stroke: #5a6675; stroke-width: 1.8; }
.rejected { fill: none; stroke: #b4441a; stroke-width: 1.8; }
.front { fill: #0f6cbd; stroke: #fff; stroke-width: 1; }
.other { fill: #5a6675; fill-opacity: .4; }
.line { fill: none; stroke: #0f6cbd; stroke-width: 2; }
.line.other { stroke: #5a6675; stroke-width: 1.4; stroke-dasharray: 4 3; fill: none; }
.ring { fill: none; stroke: #1b2430; stroke-width: 1.6; }
"""


def standalone(*figures: Markup, columns: int = 2) -> str:
    """Make one SVG drawing of several figures' charts, each below its caption, `columns` side by side; returns the file's text."""
    across, down = WIDTH + 2 * MARGIN, HEIGHT + CAPTION + 2 * MARGIN
    size = {"width": f"{columns * across}", "height": f"{-(-len(figures) // columns) * down}"}
    sheet = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {size['width']} {size['height']}", **size})
    ElementTree.SubElement(sheet, "style").text = STYLE
    ElementTree.SubElement(sheet, "rect", {**size, "fill": "#fff"})
    for number, figure in enumerate(figures):
        x, y = MARGIN + number % columns * across, MARGIN + number // columns * down
        parts = ElementTree.fromstring(figure)
        caption, drawing = parts[0], parts[1]
        ElementTree.SubElement(sheet, "text", {"x": f"{x}", "y": f"{y + 14}", "class": "caption"}).text = caption.text
        drawing.attrib |= {"x": f"{x}", "y": f"{y + CAPTION}", "width": f"{WIDTH}", "height": f"{HEIGHT}"}
        sheet.append(drawing)
    return ElementTree.tostring(sheet, encoding="unicode") + "\n"
