package dmn

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// Parse reads the one decision table of a DMN 1.1 document; those of 1.2 and 1.3 are
// read alike. The error is *Problems, a fault: every problem with its place.
func Parse(document []byte) (*Table, error) {
	tables, err := ParseAll(document)
	if err != nil {
		return nil, err
	}
	if len(tables) != 1 {
		p := &Problems{}
		p.add("", "the document has %d decision tables; one is expected", len(tables))
		return nil, p.err()
	}
	return tables[0], nil
}

// ParseAll reads every decision table of a document, in its order.
func ParseAll(document []byte) ([]*Table, error) {
	if len(document) > MaxBytes {
		return nil, tooLarge("the document has %d bytes, %d are allowed", len(document), MaxBytes)
	}
	p := &Problems{}
	root, err := readXML(document)
	switch {
	case err != nil:
		p.add("", "%s", err)
		return nil, p.err()
	case root.name != "definitions":
		p.add("", "the document begins with <%s>, a DMN document with <definitions>", clip(root.name))
		return nil, p.err()
	}
	tables := decisions(root, p)
	if len(tables) == 0 {
		p.add("", "the document has no decision with a decision table")
	}
	return tables, p.err()
}

func decisions(root *element, p *Problems) []*Table {
	var tables []*Table
	seen := map[string]bool{}
	found := root.all("decision")
	for _, decision := range found {
		table := decision.first("decisionTable")
		if table == nil {
			continue // decided by something else
		}
		d := draftOf(decision, table)
		if len(found) > 1 {
			d.place = fmt.Sprintf("decision %q", clip(d.key))
		}
		if seen[d.key] {
			p.add(d.at("line %d", decision.line), "two decisions have this id")
		}
		seen[d.key] = true
		tables = append(tables, d.build(p))
	}
	return tables
}

func draftOf(decision, table *element) *draft {
	d := &draft{
		key: decision.attr("id"), name: decision.attr("name"), description: decision.text("description"),
		policy: table.attr("hitPolicy"), aggregation: table.attr("aggregation"),
	}
	for _, in := range table.all("input") {
		e := in.first("inputExpression")
		if e == nil {
			e = &element{}
		}
		d.inputs = append(d.inputs, draftInput{id: in.attr("id"), label: in.attr("label"), expression: e.text("text"), kind: e.attr("typeRef")})
	}
	for _, out := range table.all("output") {
		o := draftOutput{id: out.attr("id"), label: out.attr("label"), name: out.attr("name"), kind: out.attr("typeRef")}
		if values := out.first("outputValues"); values != nil {
			o.values = split(values.text("text"))
		}
		d.outputs = append(d.outputs, o)
	}
	for _, rule := range table.all("rule") {
		r := draftRule{place: fmt.Sprintf("line %d", rule.line)}
		for _, entry := range rule.all("inputEntry") {
			r.inputs = append(r.inputs, Entry{ID: entry.attr("id"), Text: entry.text("text")})
		}
		for _, entry := range rule.all("outputEntry") {
			r.outputs = append(r.outputs, Entry{ID: entry.attr("id"), Text: entry.text("text")})
		}
		d.rules = append(d.rules, r)
	}
	return d
}

// element is a part of a document. Namespaces are not looked at: DMN's own changed
// with each version.
type element struct {
	name  string
	attrs []xml.Attr
	chars strings.Builder
	kids  []*element
	line  int
}

func (e *element) attr(name string) string {
	for _, a := range e.attrs {
		if a.Name.Local == name && a.Name.Space == "" {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

func (e *element) all(name string) []*element {
	var found []*element
	for _, kid := range e.kids {
		if kid.name == name {
			found = append(found, kid)
		}
	}
	return found
}

func (e *element) first(name string) *element {
	if found := e.all(name); len(found) > 0 {
		return found[0]
	}
	return nil
}

// text is what stands in a child.
func (e *element) text(name string) string {
	if kid := e.first(name); kid != nil {
		return strings.TrimSpace(kid.chars.String())
	}
	return ""
}

// readXML reads a document without entities of its own: they are the way to read
// other files and to fill the memory.
func readXML(document []byte) (*element, error) {
	decoder := xml.NewDecoder(bytes.NewReader(document))
	decoder.CharsetReader = charset
	var root *element
	var open []*element
	for {
		token, err := decoder.Token()
		line, column := decoder.InputPos()
		switch {
		case errors.Is(err, io.EOF) && root != nil:
			return root, nil
		case errors.Is(err, io.EOF):
			return nil, errors.New("the document is empty")
		case err != nil:
			return nil, fmt.Errorf("line %d, column %d: this is no XML: %s", line, column, clip(err.Error()))
		}
		switch t := token.(type) {
		case xml.Directive:
			return nil, fmt.Errorf("line %d: a document type and entities are not allowed; remove <!%s>", line, clip(string(t)))
		case xml.StartElement:
			e := &element{name: t.Name.Local, attrs: t.Attr, line: line}
			switch {
			case len(open) == maxDepth:
				return nil, fmt.Errorf("line %d: more than %d elements lie in one another", line, maxDepth)
			case len(open) > 0:
				above := open[len(open)-1]
				above.kids = append(above.kids, e)
			case root != nil:
				return nil, fmt.Errorf("line %d: the document has a second root element <%s>", line, clip(t.Name.Local))
			default:
				root = e
			}
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].chars.Write(t)
			}
		}
	}
}

// charset reads documents in the charsets that browsers know.
func charset(label string, input io.Reader) (io.Reader, error) {
	found, err := htmlindex.Get(label)
	if err != nil || strings.HasPrefix(strings.ToLower(label), "utf-16") {
		return nil, fmt.Errorf("the charset %q cannot be read; save the document in UTF-8", clip(label))
	}
	return found.NewDecoder().Reader(input), nil
}
