"""Writes the PDFs of this folder anew; each comes from another program, so that none of them is to the reader's taste.

Needs chromium, groff and ghostscript of Debian, and `pip install reportlab pymupdf`; the tests themselves
need none of them.
"""

import subprocess
from pathlib import Path

import pymupdf
from reportlab import rl_config
from reportlab.pdfgen import canvas

HERE = Path(__file__).parent
LINES = (
    "The quick brown fox — “jumps” over the lazy dog.",
    "Zürich, façade, naïve, café: 12,50 €",
    "Office, waffle, (efficient).",
)
HTML = (
    "<!doctype html><meta charset=utf-8><h1>Report on “Zürich”</h1><p>The quick brown fox — jumps."
    "<table><tr><td>Alpha<td>17<tr><td>Beta<td>4</table><div style='break-before:page'>Second page.</div>"
)
ROFF = (
    ".TL\nReport on Z\\(:urich\n.PP\nThe quick brown fox jumps over the lazy dog \\(em office, waffle, efficient.\n"
    ".PP\nA \\fBsecond\\fP paragraph.\n"
)


def run(*command: str, text: str = "") -> bytes:
    return subprocess.run(command, input=text.encode(), capture_output=True, timeout=60, check=True, cwd=HERE).stdout


def with_reportlab(path: Path) -> None:
    """Two pages; streams in Flate alone, a font of the standard ones."""
    rl_config.useA85 = 0
    page = canvas.Canvas(str(path), pagesize=(300, 200), invariant=1)
    for number in (1, 2):
        for at, line in enumerate(LINES):
            page.drawString(20, 170 - 14 * at, line)
        page.drawString(20, 60, f"Page {number} of two")
        page.showPage()
    page.save()


def with_mupdf() -> None:
    """Objects inside of streams; the same behind a password; a page that is a picture."""
    document = pymupdf.open()
    document.new_page(width=300, height=200).insert_text(
        (20, 40), [line.replace("—", "-").replace("€", "EUR") for line in LINES[1:]], fontname="tiro"
    )
    document.save(HERE / "mupdf.pdf", deflate=True, use_objstms=1)
    document.save(HERE / "locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="x", owner_pw="y")
    scanned = pymupdf.open()
    scanned.new_page(width=300, height=200).insert_image((20, 20, 280, 180), pixmap=document[0].get_pixmap(dpi=20))
    scanned.save(HERE / "scanned.pdf", deflate=True)


def main() -> None:
    with_reportlab(HERE / "reportlab.pdf")
    with_mupdf()
    (HERE / "page.html").write_text(HTML, encoding="utf-8")
    run("chromium", "--headless", "--no-sandbox", "--no-pdf-header-footer", "--print-to-pdf=chromium.pdf", "page.html")
    (HERE / "page.html").unlink()
    (HERE / "groff.pdf").write_bytes(run("groff", "-ms", "-Tpdf", text=ROFF))
    run("gs", "-q", "-o", "ghostscript.pdf", "-dCompatibilityLevel=1.3", "-sDEVICE=pdfwrite", "groff.pdf")


main()
