package engine

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// sample is a process with enough nodes, and an instance in the middle of it.
func sample(t testing.TB) (*bpmn.Process, *instance) {
	t.Helper()
	doc, err := bpmn.Parse([]byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t"><process id="p" isExecutable="true">
		<startEvent id="start"/><sequenceFlow id="a" sourceRef="start" targetRef="sub"/><subProcess id="sub"><startEvent id="in"/><sequenceFlow id="b" sourceRef="in" targetRef="work"/>
		<userTask id="work"/><boundaryEvent id="late" attachedToRef="work"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>
		<userTask id="undo" isForCompensation="true"/></subProcess></process></definitions>`), "p.bpmn")
	if err != nil {
		t.Fatal(err)
	}
	p := doc.Processes[0]
	inst := &instance{Instance: Instance{ID: newID()}}
	inst.root = &execution{id: inst.ID, inst: inst, active: true, scope: true, rounds: 2}
	c := &command{}
	sub := c.spawn(inst.root, p.Nodes["sub"])
	sub.scope, sub.entered, sub.visit = true, true, newID()
	work := c.spawn(sub, p.Nodes["work"])
	work.entered, work.locals, work.task, work.visit, work.rounds = true, true, newID(), newID(), 300
	late := c.spawn(work, p.Nodes["late"])
	late.watching, late.waits = true, []wait{{waitTimer, newID(), ""}, {waitMessage, "no uuid", "order-ü"}}
	sub.records = []record{{"work", "undo", newID()}}
	gone := c.spawn(inst.root, p.Nodes["sub"])
	gone.eventScope, gone.active, gone.multi, gone.held, gone.called = true, false, true, true, "other"
	return p, inst
}

func TestStateComesBack(t *testing.T) {
	t.Parallel()
	p, inst := sample(t)
	data := inst.root.encode()
	again := &instance{Instance: Instance{ID: inst.ID}}
	root, err := decodeState(data, again, p)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(root.encode(), data) {
		t.Error("what was read is not what was written")
	}
	work := root.children[0].children[0]
	if work.id != inst.ID+":2" || work.node.ID != "work" || work.parent.node.ID != "sub" || work.rounds != 300 || !work.locals || work.scope || again.numbered != 4 {
		t.Errorf("read %+v", work)
	}
	if late := work.children[0]; !late.watching || late.waits[1].id != "no uuid" || late.waits[1].name != "order-ü" || late.waits[0].kind != waitTimer {
		t.Errorf("read %+v", late)
	}
	if r := root.children[0].records; len(r) != 1 || r[0] != inst.root.children[0].records[0] {
		t.Errorf("read %+v", r)
	}
}

func TestStateOfAnotherDefinition(t *testing.T) {
	t.Parallel()
	p, inst := sample(t)
	data := inst.root.encode()
	delete(p.Nodes, "work")
	if _, err := decodeState(data, &instance{}, p); err == nil || !strings.Contains(err.Error(), `"work"`) {
		t.Errorf("error %v, want one that names the activity", err)
	}
	data[0]++
	if _, err := decodeState(data, &instance{}, p); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("error %v, want one that names the version", err)
	}
}

// FuzzState: no document makes the reader panic, and what it accepts it can write.
func FuzzState(f *testing.F) {
	p, inst := sample(f)
	data := inst.root.encode()
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte{stateVersion, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		inst := &instance{Instance: Instance{ID: "i"}}
		root, err := decodeState(data, inst, p)
		if err != nil {
			return
		}
		again, err := decodeState(root.encode(), &instance{Instance: Instance{ID: "i"}}, p)
		if err != nil || !bytes.Equal(again.encode(), root.encode()) {
			t.Errorf("written and read again it is another one: %v", err)
		}
	})
}

// asJSON is the tree as encoding/json would hold it: what the format was weighed against.
type asJSON struct {
	N, R  int
	F     int
	A     string   `json:",omitempty"`
	V     string   `json:",omitempty"`
	T     string   `json:",omitempty"`
	C     string   `json:",omitempty"`
	W     []string `json:",omitempty"`
	Child []asJSON `json:",omitempty"`
}

func toJSON(x *execution) asJSON {
	j := asJSON{N: x.number, R: x.rounds, F: x.flags(), V: x.visit, T: x.task, C: x.called}
	if x.node != nil {
		j.A = x.node.ID
	}
	for _, w := range x.waits {
		j.W = append(j.W, w.id, w.name)
	}
	for _, child := range x.children {
		j.Child = append(j.Child, toJSON(child))
	}
	return j
}

func BenchmarkState(b *testing.B) {
	p, inst := sample(b)
	data := inst.root.encode()
	text, _ := json.Marshal(toJSON(inst.root))
	b.Run("own", func(b *testing.B) {
		b.ReportMetric(float64(len(data)), "bytes")
		for b.Loop() {
			if _, err := decodeState(inst.root.encode(), inst, p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json", func(b *testing.B) {
		b.ReportMetric(float64(len(text)), "bytes")
		for b.Loop() {
			var j asJSON
			text, _ := json.Marshal(toJSON(inst.root))
			if err := json.Unmarshal(text, &j); err != nil {
				b.Fatal(err)
			}
		}
	})
}
