package bpmn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// How documents in UTF-16 begin: with a mark, or with "<" and a zero byte.
var (
	markUTF8  = []byte{0xEF, 0xBB, 0xBF}
	markBig   = []byte{0xFE, 0xFF}
	markSmall = []byte{0xFF, 0xFE}
	bareBig   = []byte{0, '<'}
	bareSmall = []byte{'<', 0}
)

// unmark returns the document in UTF-8 when its first bytes say that it is in UTF-8
// or UTF-16, and as it is when only its XML declaration can say.
func unmark(data []byte) (text []byte, utf16 bool, err error) {
	var order unicode.Endianness
	switch {
	case bytes.HasPrefix(data, markUTF8):
		return data[len(markUTF8):], false, nil
	case bytes.HasPrefix(data, markBig) || bytes.HasPrefix(data, bareBig):
		order = unicode.BigEndian
	case bytes.HasPrefix(data, markSmall) || bytes.HasPrefix(data, bareSmall):
		order = unicode.LittleEndian
	default:
		return data, false, nil
	}
	text, err = unicode.UTF16(order, unicode.UseBOM).NewDecoder().Bytes(data)
	return text, true, err
}

// charsets returns the reader of documents whose XML declaration names a charset
// other than UTF-8: those that browsers know.
func charsets(utf16 bool) func(label string, input io.Reader) (io.Reader, error) {
	declared := false
	return func(label string, input io.Reader) (io.Reader, error) {
		if declared { // readers would be stacked without end
			return nil, errors.New("the charset is declared twice")
		}
		declared = true
		if strings.HasPrefix(strings.ToLower(label), "utf-16") {
			if !utf16 {
				return nil, fmt.Errorf("the document says that it is in %s, and is not", label)
			}
			return input, nil // it is in UTF-8 already
		}
		if utf16 {
			return nil, fmt.Errorf("the document says that it is in %s, and is in UTF-16", label)
		}
		found, err := htmlindex.Get(label)
		if err != nil || found == encoding.Replacement {
			return nil, fmt.Errorf("the charset %q is not known; save the document in UTF-8", label)
		}
		return found.NewDecoder().Reader(input), nil
	}
}
