package pdf

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
)

// Line is a paragraph. Where it is too long it goes on in the next line.
type Line struct {
	Text   string
	Bold   bool
	Indent int // characters
}

// The page: A4 in points, with margins, in a font whose characters all have one width.
const (
	width, height = 595, 842
	margin        = 50
	fontSize      = 10
	leading       = 14
	advance       = 6 // of Courier: 0.6 of its size
	columns       = (width - 2*margin) / advance
	perPage       = (height - 2*margin) / leading
)

// Write makes a document. A character that the font lacks, of another script than Latin,
// is written by its number, as U+65E5, so that nothing is lost without a trace.
func Write(title string, lines []Line) []byte {
	var rows []Line
	for _, l := range lines {
		rows = append(rows, wrap(l)...)
	}
	var pages [][]Line
	for len(rows) > perPage {
		pages, rows = append(pages, rows[:perPage]), rows[perPage:]
	}
	pages = append(pages, rows)
	d := &document{}
	d.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	kids := make([]string, len(pages))
	for i := range pages {
		kids[i] = fmt.Sprintf("%d 0 R", 6+2*i)
	}
	d.object("<< /Type /Catalog /Pages 2 0 R >>")
	d.object(fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(pages)))
	d.object("<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>")
	d.object("<< /Type /Font /Subtype /Type1 /BaseFont /Courier-Bold /Encoding /WinAnsiEncoding >>")
	d.object("<< /Title " + literal(title) + " >>")
	for i, page := range pages {
		d.object(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> /Contents %d 0 R >>", width, height, 7+2*i))
		text := content(page)
		d.object(fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(text), text))
	}
	return d.end()
}

// document is what has been written, with where its objects begin.
type document struct {
	bytes.Buffer
	begins []int
}

func (d *document) object(body string) {
	d.begins = append(d.begins, d.Len())
	fmt.Fprintf(d, "%d 0 obj\n%s\nendobj\n", len(d.begins), body)
}

// end adds the table of objects.
func (d *document) end() []byte {
	at := d.Len()
	fmt.Fprintf(d, "xref\n0 %d\n0000000000 65535 f \n", len(d.begins)+1)
	for _, begin := range d.begins {
		fmt.Fprintf(d, "%010d 00000 n \n", begin)
	}
	fmt.Fprintf(d, "trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(d.begins)+1, at)
	return d.Bytes()
}

// content draws the lines of a page from its top.
func content(page []Line) string {
	var b strings.Builder
	for i, l := range page {
		font := "/F1"
		if l.Bold {
			font = "/F2"
		}
		fmt.Fprintf(&b, "BT %s %d Tf %d %d Td %s Tj ET\n", font, fontSize, margin+l.Indent*advance, height-margin-(i+1)*leading, literal(l.Text))
	}
	return b.String()
}

// wrap breaks a paragraph into lines that fit, between words where it can.
func wrap(l Line) []Line {
	l.Indent = max(0, min(l.Indent, columns/2))
	room, rest := columns-l.Indent, []rune(shown(l.Text))
	var all []Line
	for len(rest) > room {
		at := room
		for at > room/2 && rest[at] != ' ' {
			at--
		}
		if rest[at] != ' ' {
			at = room
		}
		part := l
		part.Text = strings.TrimRight(string(rest[:at]), " ")
		all = append(all, part)
		for rest = rest[at:]; len(rest) > 0 && rest[0] == ' '; {
			rest = rest[1:]
		}
	}
	l.Text = string(rest)
	return append(all, l)
}

// extra are the characters that WinAnsiEncoding has at 0x80 to 0x9f.
var extra = map[rune]byte{'€': 0x80, '‚': 0x82, 'ƒ': 0x83, '„': 0x84, '…': 0x85, '†': 0x86, '‡': 0x87, 'ˆ': 0x88, '‰': 0x89, 'Š': 0x8a, '‹': 0x8b, 'Œ': 0x8c, 'Ž': 0x8e,
	'‘': 0x91, '’': 0x92, '“': 0x93, '”': 0x94, '•': 0x95, '–': 0x96, '—': 0x97, '˜': 0x98, '™': 0x99, 'š': 0x9a, '›': 0x9b, 'œ': 0x9c, 'ž': 0x9e, 'Ÿ': 0x9f}

// shown is a text in characters that the font has.
func shown(text string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\ufffd") {
		_, have := extra[r]
		switch {
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.IsControl(r):
		case r < 0x7f, r >= 0xa0 && r <= 0xff, have:
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "U+%04X ", r)
		}
	}
	return b.String()
}

// literal is a text as a string of the format.
func literal(text string) string {
	b := []byte{'('}
	for _, r := range shown(text) {
		switch c, have := extra[r]; {
		case have:
			b = append(b, c)
		case r == '(' || r == ')' || r == '\\':
			b = append(b, '\\', byte(r))
		default:
			b = append(b, byte(r&0xff)) // shown leaves nothing beyond
		}
	}
	return string(append(b, ')'))
}
