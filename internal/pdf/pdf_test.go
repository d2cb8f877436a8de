package pdf_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/pdf"
)

var (
	table  = regexp.MustCompile(`(?s)xref\n0 (\d+)\n(.*?)trailer\n<< /Size (\d+) /Root 1 0 R /Info 5 0 R >>\nstartxref\n(\d+)\n%%EOF\n$`)
	drawn  = regexp.MustCompile(`BT /F(\d) 10 Tf (\d+) (-?\d+) Td \((.*)\) Tj ET`)
	stream = regexp.MustCompile(`(?s)<< /Length (\d+) >>\nstream\n(.*?)\nendstream`)
)

// read follows the table of a document to every object, and returns the lines that are
// drawn on each page.
func read(t *testing.T, data []byte) (pages [][][]string) {
	t.Helper()
	found := table.FindSubmatch(data)
	if !bytes.HasPrefix(data, []byte("%PDF-1.4\n")) || found == nil {
		t.Fatalf("no document:\n%s", data)
	}
	at, _ := strconv.Atoi(string(found[4]))
	if !bytes.HasPrefix(data[at:], []byte("xref\n")) || !bytes.Equal(found[1], found[3]) {
		t.Errorf("startxref %d does not lead to the table of %s", at, found[1])
	}
	entries := strings.Split(strings.TrimSuffix(string(found[2]), "\n"), "\n")
	for n, entry := range entries {
		if len(entry) != 19 {
			t.Errorf("the entry %q has not 20 bytes", entry)
		}
		begin, _ := strconv.Atoi(entry[:10])
		if n > 0 && !bytes.HasPrefix(data[begin:], fmt.Appendf(nil, "%d 0 obj\n", n)) {
			t.Errorf("object %d does not begin at %d", n, begin)
		}
	}
	for _, s := range stream.FindAllSubmatch(data, -1) {
		if want, _ := strconv.Atoi(string(s[1])); want != len(s[2]) {
			t.Errorf("a stream has %d bytes and says %d", len(s[2]), want)
		}
		var lines [][]string
		for _, l := range drawn.FindAllSubmatch(s[2], -1) {
			lines = append(lines, []string{string(l[1]), string(l[2]), string(l[3]), string(l[4])})
		}
		pages = append(pages, lines)
	}
	if !bytes.Contains(data, fmt.Appendf(nil, "/Count %d >>", len(pages))) {
		t.Errorf("it does not count %d pages", len(pages))
	}
	return pages
}

func TestWrite(t *testing.T) {
	t.Parallel()
	pages := read(t, pdf.Write("Of (some)", []pdf.Line{{Text: "Title", Bold: true}, {Text: "a (b) \\ c\x00\nd", Indent: 2}, {Text: "Größe – 5 €"}, {Text: "日 \xff"}, {}}))
	want := [][]string{{"2", "50", "778", "Title"}, {"1", "62", "764", `a \(b\) \\ c d`}, {"1", "50", "750", "Gr\xf6\xdfe \x96 5 \x80"}, {"1", "50", "736", "U+65E5  U+FFFD "}, {"1", "50", "722", ""}}
	if len(pages) != 1 || fmt.Sprintf("%q", pages[0]) != fmt.Sprintf("%q", want) {
		t.Errorf("%q", pages)
	}
	if empty := read(t, pdf.Write("", nil)); len(empty) != 1 || len(empty[0]) != 0 {
		t.Errorf("%q", empty)
	}
}

func TestLongDocuments(t *testing.T) {
	t.Parallel()
	words := strings.Repeat("word ", 1000)
	pages := read(t, pdf.Write("t", []pdf.Line{{Text: words}, {Text: strings.Repeat("x", 500), Indent: 1000}}))
	if len(pages) != 2 {
		t.Fatalf("%d pages", len(pages))
	}
	var text []string
	for _, page := range pages {
		for _, l := range page {
			x, _ := strconv.Atoi(l[1])
			y, _ := strconv.Atoi(l[2])
			if x+6*len(l[3]) > 595-50 || y < 50 {
				t.Errorf("outside of the page: %q", l)
			}
			text = append(text, l[3])
		}
	}
	all := strings.Join(text, " ")
	if strings.Count(all, "word") != 1000 || strings.Count(all, "x") != 500 || strings.Contains(all, "wo rd") {
		t.Errorf("something was lost or cut: %.300s", all)
	}
}
