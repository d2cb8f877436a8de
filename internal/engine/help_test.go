package engine_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// process wraps the body of a process named p into a document.
func process(body string) engine.Resource {
	return engine.Resource{Name: "p.bpmn", Bytes: []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn"
		xmlns:modeler="http://activiti.com/modeler" targetNamespace="t"><process id="p" name="p" isExecutable="true">` + body + `</process></definitions>`)}
}

// process2 is process for a second one, named q.
func process2(body string) engine.Resource {
	r := process(body)
	return engine.Resource{Name: "q.bpmn", Bytes: bytes.Replace(r.Bytes, []byte(`id="p" name="p"`), []byte(`id="q" name="q"`), 1)}
}

// file reads a document of testdata.
func file(t testing.TB, name string) engine.Resource {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return engine.Resource{Name: name, Bytes: data}
}

// start starts the process of that key by nobody in particular.
func (w *world) start(key string, vars map[string]any) string {
	w.t.Helper()
	inst, err := w.e.Start(context.Background(), admin, engine.StartOptions{Key: key, Variables: vars})
	w.must(err)
	w.last = inst.ID
	return inst.ID
}

// wants fails the test unless the error is of that kind.
func (w *world) wants(kind fault.Kind, err error) {
	w.t.Helper()
	if !fault.Is(err, kind) {
		w.t.Fatalf("error %v, want a fault of kind %q", err, kind)
	}
}

// dump is every row of the process side, to see that nothing has changed.
func (w *world) dump() map[string][]string {
	w.t.Helper()
	all := map[string][]string{}
	for table, columns := range map[string]string{"instances": "id || rev || suspended || coalesce(ended_at, 0)", "tasks": "id || rev || assignee || coalesce(ended_at, 0)",
		"variables":  "instance_id || execution_id || task_id || name || rev || coalesce(text, '') || coalesce(number, 0) || coalesce(ended_at, 0)",
		"activities": "id || coalesce(ended_at, 0) || delete_reason", "jobs": "id || queue || retries", "subscriptions": "id", "links": "task_id || instance_id || kind || user_id || group_id"} {
		w.must(w.db.Query(context.Background(), func(row store.Row) error {
			var s string
			err := row.Scan(&s)
			all[table] = append(all[table], s)
			return err
		}, `SELECT `+columns+` AS what FROM `+table+` ORDER BY 1`))
	}
	return all
}

const taskThenEnd = `<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="work"/><userTask id="work" name="work" activiti:assignee="kermit"/>
	<sequenceFlow id="f2" sourceRef="work" targetRef="end"/><endEvent id="end"/>`
