package bpmn

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/juel"
)

// Parse reads a BPMN 2.0 document, checks it and compiles its processes. name is for
// messages: the file's. The error is a *Problems that lists everything that is
// wrong; without an error Document.Problems holds warnings.
//
// Documents are read in UTF-8, in UTF-16, and in the charsets that browsers know.
// Document type declarations, and with them entities, are refused, and so is what is
// over MaxBytes, MaxDepth, MaxAttributes or MaxElements.
func Parse(data []byte, name string) (*Document, error) {
	root, problem := readTree(data)
	if problem != nil {
		return nil, &Problems{Document: name, List: []Problem{*problem}}
	}
	p := &parser{doc: &Document{Name: name}, root: root, byID: map[string]*processWork{}}
	p.document()
	if p.found.errors > 0 {
		return nil, &Problems{Document: name, List: p.found.list, More: p.found.more}
	}
	p.doc.Problems = p.found.list
	return p.doc, nil
}

// global is a message, signal, error or escalation of the document.
type global struct {
	elem           *elem
	id, name, code string
	scope          string // of a signal
}

// parser compiles one document.
type parser struct {
	doc   *Document
	root  *elem
	found findings

	messages, signals, errors, escalations map[string]*global
	items                                  map[string]string // itemDefinition: structureRef
	definitions                            map[string]*elem  // event definitions of the document
	operations                             map[string]bool
	pools                                  map[string]*elem // participants by id
	artifacts                              []*elem          // those of the collaboration

	process *Process // the one that is being compiled
	work    *processWork
	all     []*processWork
	byID    map[string]*processWork
}

// processWork is what is needed of a process until it is compiled.
type processWork struct {
	elem     *elem
	process  *Process
	elems    map[*Node]*elem
	flows    []*flowWork
	links    []*elem // associations
	landings map[landing]*Node
	drawn    map[string]*elem // what a diagram may show beside nodes and flows, by id
	children int              // how many elements had no id
}

// landing is where throwing link events of a name lead to, within a scope.
type landing struct {
	scope *Node
	name  string
}

type flowWork struct {
	elem  *elem
	flow  *Flow
	scope *Node
}

// document compiles what stands in definitions.
func (p *parser) document() {
	if !p.root.is("definitions") {
		p.fail(p.root, "bpmn-not-bpmn", "the root element is <%s>, not <definitions> of the namespace http://www.omg.org/spec/BPMN/20100524/MODEL", p.root.name)
		return
	}
	p.doc.Namespace = p.root.attr("targetNamespace")
	p.doc.Exporter = strings.TrimSpace(p.root.attr("exporter") + " " + p.root.attr("exporterVersion"))
	p.globals()
	for _, e := range p.root.children {
		if e.is("process") {
			p.compileProcess(e)
		}
	}
	p.checkDocument()
	p.diagrams()
}

// globals collects what events and processes refer to.
func (p *parser) globals() {
	p.messages, p.signals = map[string]*global{}, map[string]*global{}
	p.errors, p.escalations = map[string]*global{}, map[string]*global{}
	p.items, p.operations, p.pools = map[string]string{}, map[string]bool{}, map[string]*elem{}
	p.definitions = map[string]*elem{}
	for _, e := range p.root.children {
		if e.space != spaceBPMN {
			continue
		}
		g := &global{elem: e, id: e.attr("id"), name: e.attr("name")}
		switch e.name {
		case "message":
			p.messages[g.id] = g
		case "signal":
			g.scope = e.ext("scope")
			p.signals[g.id] = g
		case "error":
			g.code = e.attr("errorCode")
			p.errors[g.id] = g
		case "escalation":
			g.code = e.attr("escalationCode")
			p.escalations[g.id] = g
		case "itemDefinition":
			p.items[g.id] = e.attr("structureRef")
		case "interface":
			p.interfaceOperations(e)
		case "collaboration":
			p.collaboration(e)
		default:
			if _, ok := definitions[e.name]; ok {
				p.definitions[g.id] = e
			}
		}
	}
}

func (p *parser) interfaceOperations(e *elem) {
	for _, c := range e.children {
		if c.is("operation") {
			p.operations[c.attr("id")] = true
		}
	}
}

func (p *parser) collaboration(e *elem) {
	for _, c := range e.children {
		switch {
		case c.is("participant"):
			p.pools[c.attr("id")] = c
		case c.is("textAnnotation"), c.is("association"), c.is("messageFlow"), c.is("group"):
			p.artifacts = append(p.artifacts, c)
		}
	}
}

// lookup finds what a reference means: an id, with or without a prefix.
func lookup(in map[string]*global, ref string) *global {
	if g := in[ref]; g != nil {
		return g
	}
	if i := strings.LastIndexByte(ref, ':'); i >= 0 {
		return in[ref[i+1:]]
	}
	return nil
}

// fail adds an error, warn a warning, both with the place of an element.
func (p *parser) fail(e *elem, name, format string, args ...any) {
	p.report(e, Problem{Name: name, Message: fmt.Sprintf(format, args...)})
}

func (p *parser) warn(e *elem, name, format string, args ...any) {
	p.report(e, Problem{Name: name, Message: fmt.Sprintf(format, args...), Warning: true})
}

func (p *parser) report(e *elem, problem Problem) {
	if e != nil {
		problem.Element, problem.Line, problem.Column = e.attr("id"), e.line, e.column
	}
	if p.process != nil {
		problem.Process = p.process.ID
	}
	problem.Message, problem.Element, problem.Process = clip(problem.Message, 1000), clip(problem.Element, maxID), clip(problem.Process, maxID)
	p.found.add(problem)
}

// clip keeps a text of the document from filling a problem.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// expression parses the text of an attribute or element; nil when there is none.
func (p *parser) expression(e *elem, what, text string) *juel.Expression {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	x, err := juel.Parse(text)
	if err != nil {
		p.fail(e, "bpmn-expression-invalid", "%s: %v", what, err)
		return nil
	}
	return x
}

// trimmed is expression for texts whose blanks at the ends mean nothing.
func (p *parser) trimmed(e *elem, what, text string) *juel.Expression {
	return p.expression(e, what, strings.TrimSpace(text))
}

// loose is expression for texts that people read, such as a task's name: one that is
// no expression stands for itself.
func (p *parser) loose(e *elem, what, text string) *juel.Expression {
	if text == "" {
		return nil
	}
	x, err := juel.Parse(text)
	if err == nil {
		return x
	}
	p.warn(e, "bpmn-expression-invalid", "%s is shown as it stands: %v", what, err)
	return literal(text)
}

// literal is an expression whose value is the text, or nil when there is none.
func literal(text string) *juel.Expression {
	x, err := juel.Parse(strings.NewReplacer("${", "$ {", "#{", "# {").Replace(text))
	if err != nil {
		return nil
	}
	return x
}

// expressions parses a list: commas within ${…} separate nothing.
func (p *parser) expressions(e *elem, what, text string) []*juel.Expression {
	var out []*juel.Expression
	for _, part := range splitList(text) {
		if x := p.expression(e, what, part); x != nil {
			out = append(out, x)
		}
	}
	return out
}

// splitList splits at the commas that stand outside of ${…}, (…) and quotes in them.
func splitList(text string) []string {
	var out []string
	depth, start := 0, 0
	var quote byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			switch c {
			case '\\':
				i++
			case quote:
				quote = 0
			}
		case depth > 0 && (c == '\'' || c == '"'):
			quote = c
		case c == '{' && (depth > 0 || i > 0 && (text[i-1] == '$' || text[i-1] == '#')):
			depth++
		case c == '}' && depth > 0:
			depth--
		case c == ',' && depth == 0:
			out = append(out, text[start:i])
			start = i + 1
		}
	}
	out = append(out, text[start:])
	kept := out[:0]
	for _, part := range out {
		if part = strings.TrimSpace(part); part != "" {
			kept = append(kept, part)
		}
	}
	return kept
}

// yes reads a boolean attribute that is false when it is not there.
func yes(text string) bool { return strings.EqualFold(strings.TrimSpace(text), "true") }

// unlessNo reads a boolean attribute that is true when it is not there.
func unlessNo(text string) bool { return !strings.EqualFold(strings.TrimSpace(text), "false") }
