package diagram

import (
	"strings"
	"unicode/utf8"
)

// Texts are set in a common sans-serif font, whose letters are measured roughly: the
// reader's own is not known.
const (
	fontSize   = 12.0 // of names in shapes
	labelSize  = 11.0 // of names beside shapes
	lineHeight = 1.2  // of the font size
	maxText    = 300  // characters of a name that are drawn
)

// widthOf returns about how wide a text is.
func widthOf(text string, size float64) float64 {
	var em float64
	for _, r := range text {
		switch {
		case r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0x1f300):
			em += 1
		case strings.ContainsRune("iljtf.,:;'|!()[] ", r):
			em += 0.32
		case strings.ContainsRune("mwMW@%", r):
			em += 0.88
		case r >= 'A' && r <= 'Z':
			em += 0.69
		default:
			em += 0.55
		}
	}
	return em * size
}

// wrap breaks a text into lines of a width, at blanks where it can. What does not fit
// into the lines is left out, and a sign says so.
func wrap(text string, width, size float64, lines int) []string {
	if lines < 1 {
		lines = 1
	}
	text, cut := clean(text)
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		for _, part := range pieces(word, width, size) {
			switch {
			case line == "":
				line = part
			case widthOf(line+" "+part, size) <= width:
				line += " " + part
			default:
				out = append(out, line)
				line = part
			}
		}
	}
	if line != "" {
		out = append(out, line)
	}
	if len(out) > lines {
		out, cut = out[:lines], true
	}
	if cut && len(out) > 0 {
		out[len(out)-1] = ellipsis(out[len(out)-1], width, size)
	}
	return out
}

// clean drops what XML cannot hold and all beyond maxText.
func clean(text string) (string, bool) {
	cut, count := false, 0
	for i := range text {
		if count == maxText {
			text, cut = text[:i], true
			break
		}
		count++
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, text), cut
}

// pieces breaks a word that is wider than a line.
func pieces(word string, width, size float64) []string {
	if widthOf(word, size) <= width {
		return []string{word}
	}
	var out []string
	start := 0
	var sum float64
	for i, r := range word {
		w := widthOf(string(r), size)
		if sum+w > width && i > start {
			out = append(out, word[start:i])
			start, sum = i, 0
		}
		sum += w
	}
	return append(out, word[start:])
}

func ellipsis(line string, width, size float64) string {
	for line != "" && widthOf(line+"…", size) > width {
		_, n := utf8.DecodeLastRuneInString(line)
		line = line[:len(line)-n]
	}
	return strings.TrimRight(line, " ") + "…"
}
