package bpmn

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of a document. What is over one of them is refused with an error that says
// so; a document of 1 000 nodes with its diagram has about 1 MB and 20 000 elements.
const (
	MaxBytes      = 10 << 20 // of the document
	MaxDepth      = 100      // elements within elements
	MaxAttributes = 200      // of one element
	MaxElements   = 300_000  // of the document
	maxPrefixes   = 200      // that are declared around one element
)

// space is a namespace as far as it matters.
type space uint8

const (
	spaceNone    space = iota // an attribute without prefix
	spaceOther                // nothing that is read
	spaceBPMN                 // the BPMN 2.0 model
	spaceVendor               // Activiti's attributes, and Flowable's and Camunda's, which are alike
	spaceModeler              // APS's modeler
	spaceDI                   // diagrams: BPMNDI, DD/DC, DD/DI
)

var spaces = map[string]space{
	"http://www.omg.org/spec/BPMN/20100524/MODEL": spaceBPMN,
	"http://activiti.org/bpmn":                    spaceVendor,
	"http://activiti.org/bpmn-extensions":         spaceVendor, // of its first releases
	"http://flowable.org/bpmn":                    spaceVendor,
	"http://camunda.org/schema/1.0/bpmn":          spaceVendor,
	"http://activiti.com/modeler":                 spaceModeler,
	"http://flowable.org/modeler":                 spaceModeler,
	"http://www.omg.org/spec/BPMN/20100524/DI":    spaceDI,
	"http://www.omg.org/spec/DD/20100524/DC":      spaceDI,
	"http://www.omg.org/spec/DD/20100524/DI":      spaceDI,
}

// attribute is an attribute of an elem.
type attribute struct {
	space       space
	name, value string
}

// elem is an element of the document.
type elem struct {
	space        space
	name         string
	attributes   []attribute
	children     []*elem
	text         string // its own text; blanks alone only when it has no children
	line, column int    // where its tag begins, from 1
	textLine     int    // where its text begins
}

// attr returns an attribute without namespace; "" when there is none. Those of a
// vendor's own elements may also be written with his prefix.
func (e *elem) attr(name string) string {
	v := e.find(spaceNone, name)
	if v == "" && e.space == spaceVendor {
		return e.find(spaceVendor, name)
	}
	return v
}

// ext returns an attribute of a vendor's namespace; "" when there is none. Of
// several names the first that is there counts.
func (e *elem) ext(names ...string) string {
	for _, name := range names {
		if v := e.find(spaceVendor, name); v != "" {
			return v
		}
	}
	return ""
}

func (e *elem) find(s space, name string) string {
	for i := range e.attributes {
		if a := &e.attributes[i]; a.space == s && a.name == name {
			return a.value
		}
	}
	return ""
}

// is reports whether the element is a BPMN element of that name.
func (e *elem) is(name string) bool { return e.space == spaceBPMN && e.name == name }

// child returns the first BPMN child of that name, or nil.
func (e *elem) child(name string) *elem {
	for _, c := range e.children {
		if c.is(name) {
			return c
		}
	}
	return nil
}

// childText returns the trimmed text of the first BPMN child of that name.
func (e *elem) childText(name string) string {
	if c := e.child(name); c != nil {
		return strings.TrimSpace(c.text)
	}
	return ""
}

// extensions returns the vendor elements of that name in extensionElements.
func (e *elem) extensions(names ...string) []*elem {
	var out []*elem
	for _, box := range e.children {
		if !box.is("extensionElements") {
			continue
		}
		for _, c := range box.children {
			if c.space == spaceVendor && contains(names, c.name) {
				out = append(out, c)
			}
		}
	}
	return out
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// reader builds the tree of a document.
type reader struct {
	decoder  *xml.Decoder
	prefixes []binding // innermost last
	open     []opened
	root     *elem
	count    int
	names    map[string]string // one copy of each local name
	slab     []elem            // elements are allocated by the hundred
}

type binding struct {
	prefix string
	space  space
}

type opened struct {
	elem     *elem
	name     xml.Name // as written
	bindings int      // how many prefixes were bound outside of it
	text     []byte
}

// readTree reads a document. A problem's name is bpmn-xml-invalid or, for what could
// hurt, one of its own.
func readTree(data []byte) (*elem, *Problem) {
	if len(data) > MaxBytes {
		return nil, &Problem{Name: "bpmn-xml-too-large", Message: fmt.Sprintf("the document has %d bytes, %d are allowed", len(data), MaxBytes)}
	}
	text, utf16, err := unmark(data)
	if err != nil {
		return nil, &Problem{Name: "bpmn-xml-invalid", Message: "the document is not in UTF-16 as it says: " + err.Error()}
	}
	r := reader{decoder: xml.NewDecoder(bytes.NewReader(text)), names: map[string]string{}}
	r.decoder.CharsetReader = charsets(utf16)
	if p := r.read(); p != nil {
		return nil, p
	}
	return r.root, nil
}

// read takes tokens until the document ends. Raw tokens are taken, and namespaces
// are resolved here, since they are needed as numbers.
func (r *reader) read() *Problem {
	for {
		line, column := r.decoder.InputPos()
		token, err := r.decoder.RawToken()
		if errors.Is(err, io.EOF) {
			return r.end(line, column)
		}
		if err != nil {
			return r.broken(err)
		}
		var p *Problem
		switch t := token.(type) {
		case xml.StartElement:
			p = r.start(t, line, column)
		case xml.EndElement:
			p = r.close(t, line, column)
		case xml.CharData:
			p = r.chars(t, line, column)
		case xml.Directive:
			p = problemAt("bpmn-xml-doctype", line, column, "a document type declaration, and with it entities, is refused; remove it")
		}
		if p != nil {
			return p
		}
	}
}

func problemAt(name string, line, column int, format string, args ...any) *Problem {
	return &Problem{Name: name, Line: line, Column: column, Message: fmt.Sprintf(format, args...)}
}

// broken is the problem that the decoder reports.
func (r *reader) broken(err error) *Problem {
	line, column := r.decoder.InputPos()
	message := err.Error()
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		message = syntax.Msg
	}
	return problemAt("bpmn-xml-invalid", line, column, "%s", strings.TrimPrefix(message, "xml: "))
}

func (r *reader) end(line, column int) *Problem {
	if len(r.open) > 0 {
		return problemAt("bpmn-xml-invalid", line, column, "the document ends within <%s>", written(r.open[len(r.open)-1].name))
	}
	if r.root == nil {
		return problemAt("bpmn-xml-invalid", line, column, "the document has no element")
	}
	return nil
}

func written(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

func (r *reader) start(t xml.StartElement, line, column int) *Problem {
	switch r.count++; {
	case r.count > MaxElements:
		return problemAt("bpmn-xml-too-large", line, column, "the document has more than %d elements", MaxElements)
	case len(r.open) >= MaxDepth:
		return problemAt("bpmn-xml-too-deep", line, column, "there are more than %d elements within one another", MaxDepth)
	case len(t.Attr) > MaxAttributes:
		return problemAt("bpmn-xml-too-large", line, column, "an element has %d attributes, %d are allowed", len(t.Attr), MaxAttributes)
	case r.root != nil && len(r.open) == 0:
		return problemAt("bpmn-xml-invalid", line, column, "a second element follows the root element")
	}
	outside := len(r.prefixes)
	if r.bind(t.Attr); len(r.prefixes) > maxPrefixes {
		return problemAt("bpmn-xml-too-large", line, column, "more than %d prefixes are declared around an element", maxPrefixes)
	}
	e := r.allocate()
	e.line, e.column, e.textLine = line, column, line
	var known bool
	if e.space, known = r.resolve(t.Name.Space); !known {
		return problemAt("bpmn-xml-invalid", line, column, "the prefix of <%s> is not declared", written(t.Name))
	}
	e.name = r.intern(t.Name.Local)
	if p := r.attributes(e, t.Attr); p != nil {
		return p
	}
	if r.root == nil {
		r.root = e
	} else {
		parent := r.open[len(r.open)-1].elem
		parent.children = append(parent.children, e)
	}
	r.open = append(r.open, opened{elem: e, name: t.Name, bindings: outside})
	return nil
}

func (r *reader) allocate() *elem {
	if len(r.slab) == 0 {
		r.slab = make([]elem, 128)
	}
	e := &r.slab[0]
	r.slab = r.slab[1:]
	return e
}

func (r *reader) intern(name string) string {
	if n, ok := r.names[name]; ok {
		return n
	}
	r.names[name] = name
	return name
}

// bind declares the prefixes of an element.
func (r *reader) bind(attributes []xml.Attr) {
	for _, a := range attributes {
		switch {
		case a.Name.Space == "xmlns":
			r.prefixes = append(r.prefixes, binding{prefix: a.Name.Local, space: spaceOf(a.Value)})
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			r.prefixes = append(r.prefixes, binding{space: spaceOf(a.Value)})
		}
	}
}

func spaceOf(uri string) space {
	if s, ok := spaces[uri]; ok {
		return s
	}
	return spaceOther
}

// resolve returns the namespace of a prefix; not known when it is not declared.
func (r *reader) resolve(prefix string) (space, bool) {
	for i := len(r.prefixes) - 1; i >= 0; i-- {
		if r.prefixes[i].prefix == prefix {
			return r.prefixes[i].space, true
		}
	}
	return spaceOther, prefix == "" || prefix == "xml"
}

func (r *reader) attributes(e *elem, given []xml.Attr) *Problem {
	if len(given) == 0 {
		return nil
	}
	e.attributes = make([]attribute, 0, len(given))
	for _, a := range given {
		s := spaceNone
		switch {
		case a.Name.Space == "xmlns", a.Name.Space == "" && a.Name.Local == "xmlns":
			continue
		case a.Name.Space != "":
			var known bool
			if s, known = r.resolve(a.Name.Space); !known {
				return problemAt("bpmn-xml-invalid", e.line, e.column, "the prefix of the attribute %s is not declared", written(a.Name))
			}
		}
		name := r.intern(a.Name.Local)
		if s != spaceOther && e.has(s, name) {
			return problemAt("bpmn-xml-invalid", e.line, e.column, "the attribute %s is given twice", written(a.Name))
		}
		e.attributes = append(e.attributes, attribute{space: s, name: name, value: a.Value})
	}
	return nil
}

func (e *elem) has(s space, name string) bool {
	// Two vendors' attributes of one name may stand side by side; the first counts.
	if s == spaceVendor {
		return false
	}
	for i := range e.attributes {
		if e.attributes[i].space == s && e.attributes[i].name == name {
			return true
		}
	}
	return false
}

func (r *reader) close(t xml.EndElement, line, column int) *Problem {
	if len(r.open) == 0 {
		return problemAt("bpmn-xml-invalid", line, column, "</%s> closes nothing", written(t.Name))
	}
	last := r.open[len(r.open)-1]
	if last.name != t.Name {
		return problemAt("bpmn-xml-invalid", line, column, "<%s> of line %d is closed by </%s>", written(last.name), last.elem.line, written(t.Name))
	}
	if len(last.elem.children) == 0 || len(bytes.TrimSpace(last.text)) > 0 {
		last.elem.text = string(last.text)
	}
	r.prefixes = r.prefixes[:last.bindings]
	r.open = r.open[:len(r.open)-1]
	return nil
}

// chars keeps text; close drops it when it is but blanks between elements.
func (r *reader) chars(t xml.CharData, line, column int) *Problem {
	if len(r.open) == 0 {
		if len(bytes.TrimSpace(t)) > 0 {
			return problemAt("bpmn-xml-invalid", line, column, "there is text outside of the root element")
		}
		return nil
	}
	last := &r.open[len(r.open)-1]
	if len(last.text) == 0 {
		last.elem.textLine = line
	}
	last.text = append(last.text, t...)
	return nil
}
