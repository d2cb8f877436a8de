package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// execution is a node of an instance's tree: a token, a scope, or something that
// waits beside an activity (a boundary event, an event sub-process's start).
type execution struct {
	id       string
	number   int // within the instance; 0 is the instance itself
	inst     *instance
	parent   *execution // nil for the instance itself
	children []*execution
	node     *bpmn.Node // nil for the instance itself
	flow     *bpmn.Flow // while it is on its way to node; never stored

	active     bool // a token that waits or moves; false in joins and in what stands for others
	scope      bool // the instance, or a sub-process at work
	multi      bool // stands for all the instances of a multi-instance activity
	eventScope bool // what is left of a sub-process that can be compensated
	watching   bool // an event sub-process's start or a boundary event, not triggered
	held       bool // conditional events: the condition was true when it was last seen
	entered    bool // its activity has begun; false while an asynchronous start waits
	locals     bool // has variables of its own
	taskLocals bool // a task of it has
	ended      bool

	visit   string // its open row of activities
	task    string // its open task
	called  string // the instance that it called
	rounds  int    // standard loops: how often it has run
	waits   []wait
	records []record // scopes: what can be undone, in the order of its end
}

// wait is a job or a subscription that belongs to an execution.
type wait struct {
	kind byte
	id   string
	name string // of a message or signal
}

// The kinds of waits.
const (
	waitJob     byte = 'j'
	waitTimer   byte = 't'
	waitMessage byte = 'm'
	waitSignal  byte = 's'
)

// record says that an activity has ended that a handler can undo.
type record struct {
	activity string
	handler  string
	id       string // of its subscription row
}

// stateVersion begins each document; it changes when older programs cannot read it.
const stateVersion = 1

var errState = errors.New("the instance's state cannot be read")

// encode writes the tree, parents before children. Executions are numbered within their
// instance: the id of each but the first is the instance's with its number.
func (x *execution) encode() []byte {
	e := encoder{index: map[*execution]int{}}
	e.buf = append(e.buf, stateVersion)
	e.number(x.inst.numbered)
	e.execution(x)
	return e.buf
}

// executionID is the id of an instance's execution with that number.
func executionID(instance string, number int) string {
	if number == 0 {
		return instance
	}
	return instance + ":" + strconv.Itoa(number)
}

// instanceOf returns the instance that an execution's id belongs to.
func instanceOf(execution string) string {
	id, _, _ := strings.Cut(execution, ":")
	return id
}

type encoder struct {
	buf   []byte
	index map[*execution]int
}

func (e *encoder) execution(x *execution) {
	parent := 0
	if x.parent != nil {
		parent = e.index[x.parent] + 1
	}
	e.index[x] = len(e.index)
	e.number(parent)
	e.number(x.number)
	e.number(x.flags())
	node := ""
	if x.node != nil {
		node = x.node.ID
	}
	e.text(node)
	e.id(x.visit)
	e.id(x.task)
	e.id(x.called)
	e.number(x.rounds)
	e.number(len(x.waits))
	for _, w := range x.waits {
		e.buf = append(e.buf, w.kind)
		e.id(w.id)
		e.text(w.name)
	}
	e.number(len(x.records))
	for _, r := range x.records {
		e.text(r.activity)
		e.text(r.handler)
		e.id(r.id)
	}
	for _, child := range x.children {
		e.execution(child)
	}
}

func (x *execution) flags() int {
	n := 0
	for i, on := range []bool{x.active, x.scope, x.multi, x.eventScope, x.watching, x.held, x.entered, x.locals, x.taskLocals} {
		if on {
			n |= 1 << i
		}
	}
	return n
}

func (e *encoder) number(n int) { e.buf = binary.AppendUvarint(e.buf, uint64(n)) }

func (e *encoder) text(s string) {
	e.number(len(s))
	e.buf = append(e.buf, s...)
}

// id writes an identifier: the 16 bytes of a UUID, or nothing, or another text.
func (e *encoder) id(s string) {
	u, err := uuid.Parse(s)
	switch {
	case s == "":
		e.buf = append(e.buf, 0)
	case err == nil && u.String() == s:
		e.buf = append(append(e.buf, 1), u[:]...)
	default:
		e.buf = append(e.buf, 2)
		e.text(s)
	}
}

// decodeState reads an instance's document.
func decodeState(data []byte, inst *instance, process *bpmn.Process) (root *execution, err error) {
	return decodeTree(data, inst, func(id string) *bpmn.Node { return process.Nodes[id] })
}

// decodeTree is decodeState with the nodes that somebody knows by their ids.
func decodeTree(data []byte, inst *instance, nodes func(id string) *bpmn.Node) (root *execution, err error) {
	d := decoder{data: data, inst: inst}
	if version := d.byte(); d.err == nil && version != stateVersion {
		return nil, fmt.Errorf("%w: it has version %d, this program reads %d", errState, version, stateVersion)
	}
	inst.numbered = d.number()
	var all []*execution
	for d.err == nil && len(d.data) > 0 {
		all = append(all, d.execution(all, nodes))
	}
	switch {
	case d.err != nil:
		return nil, d.err
	case len(all) == 0 || all[0].parent != nil:
		return nil, fmt.Errorf("%w: it is empty", errState)
	}
	return all[0], nil
}

type decoder struct {
	data []byte
	inst *instance
	err  error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", errState, what)
	}
	d.data = nil
}

func (d *decoder) execution(before []*execution, nodes func(id string) *bpmn.Node) *execution {
	x := &execution{inst: d.inst}
	switch parent := d.number(); {
	case parent > len(before), (parent == 0) != (len(before) == 0):
		d.fail("an execution has no parent")
	case parent > 0:
		x.parent = before[parent-1]
		x.parent.children = append(x.parent.children, x)
	}
	x.number = d.number()
	x.id = executionID(d.inst.ID, x.number)
	x.setFlags(d.number())
	if id := d.text(); id != "" {
		if x.node = nodes(id); x.node == nil {
			d.fail(fmt.Sprintf("it stands at %q, which the definition does not have", id))
		}
	} else if len(before) > 0 {
		d.fail("an execution stands nowhere")
	}
	x.visit, x.task, x.called = d.id(), d.id(), d.id()
	x.rounds = d.number()
	for n := d.count(); n > 0; n-- {
		x.waits = append(x.waits, wait{kind: d.byte(), id: d.id(), name: d.text()})
	}
	for n := d.count(); n > 0; n-- {
		x.records = append(x.records, record{activity: d.text(), handler: d.text(), id: d.id()})
	}
	return x
}

func (x *execution) setFlags(n int) {
	for i, on := range []*bool{&x.active, &x.scope, &x.multi, &x.eventScope, &x.watching, &x.held, &x.entered, &x.locals, &x.taskLocals} {
		*on = n&(1<<i) != 0
	}
}

func (d *decoder) byte() byte {
	if len(d.data) == 0 {
		d.fail("it ends early")
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return b
}

func (d *decoder) number() int {
	n, used := binary.Uvarint(d.data)
	if used <= 0 || n > 1<<31 {
		d.fail("a number is broken")
		return 0
	}
	d.data = d.data[used:]
	return int(n)
}

// count is the number of things that follow, each of at least a byte.
func (d *decoder) count() int {
	n := d.number()
	if n > len(d.data) {
		d.fail("it ends early")
		return 0
	}
	return n
}

func (d *decoder) text() string { return string(d.bytes(d.count())) }

func (d *decoder) bytes(n int) []byte {
	if n > len(d.data) {
		d.fail("it ends early")
		return nil
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b
}

func (d *decoder) id() string {
	switch d.byte() {
	case 0:
		return ""
	case 1:
		u, err := uuid.FromBytes(d.bytes(16))
		if err != nil {
			d.fail("an identifier is broken")
			return ""
		}
		return u.String()
	case 2:
		return d.text()
	}
	d.fail("an identifier is broken")
	return ""
}

// live reports whether the execution keeps its scope from ending: what only watches
// does not, nor what is left for compensation.
func (x *execution) live() bool {
	if x.ended || x.watching {
		return false
	}
	return !x.eventScope || x.busy()
}

// busy reports whether something is under way below the execution.
func (x *execution) busy() bool {
	for _, child := range x.children {
		if child.live() {
			return true
		}
	}
	return false
}

// scopeOf returns the nearest scope above the execution.
func (x *execution) scopeOf() *execution {
	p := x.parent
	for p != nil && !p.scope {
		p = p.parent
	}
	return p
}

// inner reports whether the execution is one instance of a multi-instance activity.
func (x *execution) inner() bool {
	return x.parent != nil && x.parent.multi && x.parent.node == x.node
}

// each calls fn for the execution and all below it, children first.
func (x *execution) each(fn func(*execution)) {
	for _, child := range x.children {
		child.each(fn)
	}
	fn(x)
}
