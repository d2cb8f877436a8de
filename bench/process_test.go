package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// approval has one task with a form, for whoever the variable who names.
const approval = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="bench">
<process id="approval" isExecutable="true"><startEvent id="start"/><sequenceFlow id="f0" sourceRef="start" targetRef="approve"/>
<userTask id="approve" name="Approve" activiti:assignee="${who}" activiti:formKey="1"/><sequenceFlow id="f1" sourceRef="approve" targetRef="end"/>
<endEvent id="end"/></process></definitions>`

const approvalForm = `{"name":"Approve","fields":[{"id":"reason","name":"Reason","type":"text","required":true,"maxLength":200},{"id":"amount","name":"Amount","type":"integer"}],"outcomes":[{"name":"Yes"},{"name":"No"}]}`

const approvalApp = `{"key":"approval","name":"Approval","definition":{"models":[{"id":2,"name":"approval","version":1,"modelType":0}]}}`

// office is a server with the process, reached over loopback.
type office struct {
	*sluicetest.Server
	bearer string
	client *http.Client
	me     int64 // kermit's number
}

func newOffice(b *testing.B) *office {
	b.Helper()
	srv := server(b)
	_, err := srv.Admin.DeployFS(b.Context(), "approval", fstest.MapFS{"Approval.json": {Data: []byte(approvalApp)},
		"bpmn-models/approval-2.bpmn20.xml": {Data: []byte(approval)}, "form-models/approve-1.json": {Data: []byte(approvalForm)}}, sluice.NewApp{})
	if err != nil {
		b.Fatal(err)
	}
	o := &office{Server: srv, bearer: "Bearer " + token(b, srv), client: &http.Client{Transport: transport}}
	profile, err := o.call("GET", "enterprise/profile", nil, http.StatusOK)
	if err != nil {
		b.Fatal(err)
	}
	o.me = int64(profile["id"].(float64))
	return o
}

// call sends JSON and returns the answer, which must be of that status.
func (o *office) call(method, path string, body any, status int) (map[string]any, error) {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequest(method, o.URL+"/activiti-app/api/"+path, &sent)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", o.bearer)
	resp, err := o.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		return nil, errors.Join(err, fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, text))
	}
	answer := map[string]any{}
	if len(text) > 0 {
		err = json.Unmarshal(text, &answer)
	}
	return answer, err
}

// start begins an instance for a user.
func (o *office) start(who int64) (string, error) {
	a, err := o.call("POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "approval", "variables": []any{map[string]any{"name": "who", "value": strconv.FormatInt(who, 10)}}}, http.StatusCreated)
	id, _ := a["id"].(string)
	return id, err
}

// task returns the id of an instance's task.
func (o *office) task(instance string) (string, error) {
	a, err := o.call("GET", "runtime/tasks?processInstanceId="+url.QueryEscape(instance), nil, http.StatusOK)
	if err != nil {
		return "", err
	}
	list, _ := a["data"].([]any)
	if len(list) != 1 {
		return "", fmt.Errorf("%d tasks", len(list))
	}
	id, _ := list[0].(map[string]any)["id"].(string)
	return id, nil
}

// fill starts n instances from all clients, for a hundred people.
func (o *office) fill(b *testing.B, n int) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for i := next.Add(1); i <= int64(n) && !b.Failed(); i = next.Add(1) {
				if _, err := o.start(o.me + i%100); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// times reports the middle and the 99th percentile of how long fn takes.
func times(b *testing.B, fn func() (time.Duration, error)) {
	b.Helper()
	var all []time.Duration
	for b.Loop() {
		took, err := fn()
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, took)
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

// A page of a user's tasks by APS's API, among SLUICE_BENCH_TASKS open ones (10 000 unless
// set), of which a hundredth is his.
func BenchmarkTaskList(b *testing.B) {
	open := 10_000
	if text := os.Getenv("SLUICE_BENCH_TASKS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		open = n
	}
	o := newOffice(b)
	o.fill(b, open)
	for _, assignment := range []string{"assignee", "candidate", "involved"} {
		b.Run(assignment, func(b *testing.B) {
			times(b, func() (time.Duration, error) {
				began := time.Now()
				_, err := o.call("POST", "enterprise/tasks/query", map[string]any{"assignment": assignment, "state": "open", "size": 25}, http.StatusOK)
				return time.Since(began), err
			})
		})
	}
}

// A task is completed with its form, which the server checks; starting it is not counted.
func BenchmarkCompleteForm(b *testing.B) {
	o := newOffice(b)
	times(b, func() (time.Duration, error) {
		instance, err := o.start(o.me)
		if err != nil {
			return 0, err
		}
		task, err := o.task(instance)
		if err != nil {
			return 0, err
		}
		began := time.Now()
		_, err = o.call("POST", "enterprise/task-forms/"+task, map[string]any{"values": map[string]any{"reason": "it is needed", "amount": 3}, "outcome": "Yes"}, http.StatusOK)
		return time.Since(began), err
	})
}

// One user task through Activiti's own REST API: start, query, complete, from all clients.
func BenchmarkProcessFlow(b *testing.B) {
	o := newOffice(b)
	b.SetParallelism(clients / 2)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			instance, err := o.start(o.me)
			var task string
			if err == nil {
				task, err = o.task(instance)
			}
			if err == nil {
				_, err = o.call("POST", "runtime/tasks/"+task, map[string]any{"action": "complete"}, http.StatusOK)
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "flows/s")
}
